"""Products are found by full text, else by a plainer keyword search that says so."""

from typing import Any

import pytest

from tests.tools.conftest import Shop


async def found(shop: Shop, query: str, **more: Any) -> tuple[list[str], str | None]:
    """Names of the products and the note."""
    answer = await shop.call("search_product_catalog", query=query, **more)
    assert answer.ok, answer.detail
    return [product["name"] for product in answer.result["products"]], answer.result["note"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("desk lamps", "Desk Lamp"),  # plural
        ("espresso machine", "Espresso Machine"),
        (
            "an espresso machine for our tiny submarine",
            "Espresso Machine",
        ),  # words that no product has take nothing away
        ("wgt-001", "Widget Pro"),
        (" COF-003 ", "Espresso Machine Duo Boiler"),
        ("jasmine", "Filter Coffee Ethiopia"),  # from a description
    ],
)
async def test_the_best_match_comes_first(shop: Shop, query: str, first: str) -> None:
    names, note = await found(shop, query)
    assert names[0].startswith(first)
    assert note is None


@pytest.mark.parametrize("name", ["widget pro", "Writing Desk, oak", "Mugs, set of 6"])
async def test_a_whole_name_finds_that_product_first(shop: Shop, name: str) -> None:
    names, _ = await found(shop, name)
    assert names[0].lower() == name.lower()


async def test_the_beginning_of_a_name_beats_the_same_word_elsewhere(shop: Shop) -> None:
    names, _ = await found(shop, "monitor")
    assert names[0].startswith("Monitor ")


async def test_a_product_has_all_that_an_order_needs(shop: Shop) -> None:
    answer = await shop.call("search_product_catalog", query="WGT-001", limit=1)
    assert answer.result == {
        "products": [
            {
                "sku": "WGT-001",
                "name": "Widget Pro",
                "category": "widgets",
                "price_usd": "49.00",
                "stock": 120,
                "description": "The widget that most teams standardise on: machined aluminium, quick-release mount, "
                "fits every bracket of the 40 mm series.",
            }
        ],
        "note": None,
    }


async def test_limit_is_five_unless_told(shop: Shop) -> None:
    assert len((await found(shop, "coffee"))[0]) == 5
    assert len((await found(shop, "coffee", limit=20))[0]) == 20


async def test_part_of_a_word_is_found_by_keywords_and_the_note_says_so(shop: Shop) -> None:
    names, note = await found(shop, "spresso")
    assert any("Espresso" in name for name in names)
    assert note is not None
    assert note.startswith("Full-text search found nothing, so these come from a plainer keyword search")


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE shop.product DROP COLUMN search",
        "ALTER TABLE shop.product DROP COLUMN search, ADD COLUMN search int",
    ],
)
async def test_broken_full_text_falls_back_to_keywords_and_says_so(shop: Shop, damage: str) -> None:
    await shop.sql(damage)
    names, note = await found(shop, "desk lamp")
    assert names[0].startswith("Desk Lamp")
    assert note is not None
    assert note.startswith("Full-text search failed, so these come from a plainer keyword search")


async def test_full_text_without_its_index_is_slower_and_right(shop: Shop) -> None:
    await shop.sql("DROP INDEX shop.product_search")
    names, note = await found(shop, "desk lamp")
    assert names[0].startswith("Desk Lamp")
    assert note is None


async def test_full_text_that_hangs_is_given_up(shop: Shop) -> None:
    """A column that takes a minute to read stands for a search that goes on and on."""
    await shop.sql("ALTER TABLE shop.product DROP COLUMN search")
    await shop.sql("ALTER TABLE shop.product RENAME TO product_rows")
    await shop.sql(
        "CREATE FUNCTION endless() RETURNS tsvector STABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN ''; END $$"
    )
    await shop.sql("CREATE VIEW shop.product AS SELECT *, endless() AS search FROM shop.product_rows")
    names, note = await found(shop, "desk lamp")
    assert names[0].startswith("Desk Lamp")
    assert note is not None
    assert note.startswith("Full-text search failed")


@pytest.mark.parametrize("query", ["zzyzx", "for the", "!!!", "%", "_", "' ; -- \\ %s", "🦄", "a" * 200])
async def test_nothing_found_names_the_categories(shop: Shop, query: str) -> None:
    names, note = await found(shop, query)
    assert names == []
    assert note is not None
    assert "coffee, electronics" in note


async def test_words_of_the_query_language_are_words(shop: Shop) -> None:
    names, _ = await found(shop, 'or "desk -lamp or or')
    assert names[0].startswith("Desk Lamp")
