"""Products as the catalogue tool returns them, and which of them is meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..json_shapes import is_list, is_object
from ..request import Result
from .words import Change, Item, same_word


@dataclass(frozen=True)
class Product:
    """One product of the catalogue; `text` is everything that is said of it."""

    sku: str
    name: str
    price_usd: Decimal
    stock: int
    text: str


def products_of(result: Result) -> list[Product]:
    """Return the products in a search result, best match first; none in an error."""
    told: Any = result.result
    rows: object = told.get("products") if is_object(told) else None
    return [_product(row) for row in (rows if is_list(rows) else []) if is_object(row)]


def fits(product: Product, words: Sequence[str]) -> bool:
    """Return whether every word is said of the product."""
    return says(product.text, *words)


def close_matches(found: Sequence[Product], words: Sequence[str]) -> list[Product]:
    """Return the products whose names have all the words, or else those of which they are said."""
    named = [product for product in found if says(product.name, *words)]
    return named or [product for product in found if fits(product, words)]


def choose(found: Sequence[Product], item: Item) -> Product | None:
    """Return the product that is meant, or None when none fits all the words.

    The one that was proposed before stays. Else the name that says it exactly comes first, then names that begin with the
    words, then names that have them all, then what the search ranked first; among these, one with enough in stock.
    """
    if before := [product for product in found if product.sku == item.sku]:
        return before[0]
    fitting = [product for product in found if fits(product, item.words)]
    named = [product for product in fitting if says(product.name, *item.words)]
    begun = [product for product in named if says(_first_word(product.name), item.words[0])]
    exact = [product for product in begun if len(re.findall(r"\w+", product.name)) == len(item.words)]
    among = exact or begun or named or fitting
    if item.leaning:
        return _by_price(begun or named or fitting, item.leaning)
    return next(iter([product for product in among if product.stock >= item.quantity] or among), None)


def other_choice(product: Product, found: Sequence[Product], change: Change) -> Product | None:
    """Return the product after a change: a cheaper or dearer one of its kind, or the one that the words name. None if there is
    none."""
    if change.words:
        return next((one for one in found if says(f"{one.sku} {one.name}", *change.words)), None)
    if change.place is not None:
        return found[change.place] if -1 <= change.place < len(found) else None
    kind = [one for one in found if says(_first_word(one.name), _first_word(product.name)) and one.stock > 0]
    if change.leaning == "cheap":
        return _by_price([one for one in kind if one.price_usd < product.price_usd], "cheap")
    if change.leaning == "dear":
        return _by_price([one for one in kind if one.price_usd > product.price_usd], "dear")
    return product


def says(text: str, *words: str) -> bool:
    """Return whether a text has all the words, whatever their endings. A SKU must be there as it is."""
    told = re.findall(r"\w+", text)
    parts = [part for word in words if word not in text for part in re.findall(r"\w+", word)]
    return all(any(same_word(part, one) for one in told) for part in parts)


def _first_word(name: str) -> str:
    return re.findall(r"\w+", name)[0]


def _by_price(products: Sequence[Product], leaning: str) -> Product | None:
    ordered = sorted(products, key=lambda one: one.price_usd, reverse=leaning == "dear")
    return next(iter(ordered), None)


def _product(row: dict[str, Any]) -> Product:
    said = " ".join(str(row.get(name) or "") for name in ("sku", "name", "category", "description"))
    return Product(
        sku=str(row["sku"]),
        name=str(row["name"]),
        price_usd=Decimal(str(row["price_usd"])),
        stock=int(row.get("stock") or 0),
        text=said,
    )
