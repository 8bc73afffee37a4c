"""Products as the catalogue tool returns them, and which of them is meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .json_shapes import is_list, is_object
from .request import Result
from .shop_words import Change, Item, same_word


@dataclass(frozen=True)
class Product:
    """One product of the catalogue; `text` is everything that is said of it."""

    sku: str
    name: str
    price_usd: Decimal
    stock: int
    text: str


def products_of(result: Result) -> list[Product]:
    """The products in a search result, best match first."""
    told: Any = result.result
    rows: object = told.get("products") if is_object(told) else None
    return [_product(row) for row in (rows if is_list(rows) else []) if is_object(row)]


def fits(product: Product, words: Sequence[str]) -> bool:
    """Whether every word is said of the product."""
    return all(_says(product.text, word) for word in words)


def choose(found: Sequence[Product], item: Item) -> Product | None:
    """The product that is meant, or None when none fits all the words.

    The name that says it exactly comes first, then names with all the words, then what the search ranked first.
    """
    fitting = [product for product in found if fits(product, item.words)]
    named = [product for product in fitting if all(_says(product.name, word) for word in item.words)]
    among = named or fitting
    if item.leaning:
        return _by_price(among, item.leaning)
    exact = [product for product in named if len(re.findall(r"\w+", product.name)) == len(item.words)]
    begun = [product for product in named if _says(re.findall(r"\w+", product.name)[0], item.words[0])]
    enough = [product for product in (exact or begun or among) if product.stock >= item.quantity]
    return next(iter(enough or exact or begun or among), None)


def other_choice(product: Product, found: Sequence[Product], change: Change) -> Product | None:
    """The product after a change: a cheaper or dearer one, or the one that the words name. None when there is none."""
    if change.words:
        named = [one for one in found if all(_says(f"{one.sku} {one.name}", word) for word in change.words)]
        return next(iter(named), None)
    if change.leaning == "cheap":
        return _by_price([one for one in found if _like(one, product) and one.price_usd < product.price_usd], "cheap")
    if change.leaning == "dear":
        return _by_price([one for one in found if _like(one, product) and one.price_usd > product.price_usd], "dear")
    return product


def _like(one: Product, other: Product) -> bool:
    """Whether two products are of a kind: their names share a word that is no measure, and both are in stock."""
    words = [word for word in re.findall(r"[A-Za-z]{3,}", other.name)][:2]
    return one.stock > 0 and all(_says(one.name, word) for word in words)


def _by_price(products: Sequence[Product], leaning: str) -> Product | None:
    ordered = sorted(products, key=lambda one: one.price_usd, reverse=leaning == "dear")
    return next(iter(ordered), None)


def _says(text: str, word: str) -> bool:
    if "-" in word and word.upper() in text:
        return True
    parts = re.findall(r"\w+", word)
    told = re.findall(r"\w+", text)
    return all(any(same_word(part, one) for one in told) for part in parts)


def _product(row: dict[str, Any]) -> Product:
    said = " ".join(str(row.get(name) or "") for name in ("sku", "name", "category", "description"))
    return Product(
        sku=str(row["sku"]),
        name=str(row["name"]),
        price_usd=Decimal(str(row["price_usd"])),
        stock=int(row.get("stock") or 0),
        text=said,
    )
