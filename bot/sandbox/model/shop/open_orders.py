"""What an order is about when a text only makes sense together with what was said before."""

from collections.abc import Sequence
from dataclasses import replace

from ..request import Event, Request, Result, Said
from .products import products_of, says
from .texts import SHOWN, reason_of, uncertain
from .words import Change, Item, understand, understand_change

Shown = Sequence[tuple[str, str]]  # SKU and name of each product in the list that people saw last


def shown_before(request: Request) -> Shown:
    """Return the products that the assistant listed last, in their order."""
    for event in reversed(_before(request)):
        if isinstance(event, Said) and event.role == "assistant" and (lines := SHOWN.findall(event.text)):
            return [(sku, name) for name, sku in lines]
    return ()


def pointed_at(item: Item, shown: Shown) -> Item:
    """Return the item with `the second`, `two of them` or `the Arc` replaced by products of the list that was shown."""
    if item.place is not None:
        listed = [shown[item.place]] if -len(shown) <= item.place < len(shown) else []
    elif item.words:
        listed = [(sku, name) for sku, name in shown if says(f"{sku} {name}", *item.words)]
    else:
        listed = list(shown[:1])
    return replace(item, words=(listed[0][0],), place=None) if len({*listed}) == 1 else item


def open_order(request: Request) -> tuple[tuple[Item, ...], Change]:
    """Return the items of the last order that were neither placed nor given up, as the newest text changes them.

    No items where there are none, or where the newest text has nothing to do with them.
    """
    items: tuple[Item, ...] = ()
    for event in _before(request):
        if isinstance(event, Result):
            items = _proposed(items, event) if event.tool == "create_order" else items
        elif event.role == "user":
            items = _after(items, event.text)
    change = understand_change(request.last_user_text)
    changed = tuple(change.of(item) for item in items)
    if not change.words and change.place is None:
        return changed if change else (), change
    # Other words or a place in a list: another product, if it is one that was seen.
    wanted = Item(1, change.words, place=change.place)
    meant = pointed_at(wanted, shown_before(request))
    if meant == wanted:
        meant = pointed_at(wanted, _products_seen(request))
    if meant == wanted or len(items) != 1:
        return (), change
    return (replace(changed[0], words=meant.words, sku=""),), replace(change, words=(), place=None)


def _before(request: Request) -> Sequence[Event]:
    """Return what was there when this turn began. What it brings itself must not change how its words are read."""
    return request.history[: len(request.history) - len(request.turn)]


def _products_seen(request: Request) -> Shown:
    """Return every product that a search of the earlier turns brought, the newest search first."""
    results = [event for event in reversed(_before(request)) if isinstance(event, Result)]
    found = [products_of(result) for result in results if result.tool == "search_product_catalog"]
    return [(product.sku, product.name) for products in found for product in products]


def _after(items: tuple[Item, ...], text: str) -> tuple[Item, ...]:
    meaning = understand(text)
    if meaning.kind == "order":
        return meaning.items
    if meaning.kind == "over":
        return ()
    return tuple(meaning.change.of(item) for item in items)


def _proposed(items: tuple[Item, ...], result: Result) -> tuple[Item, ...]:
    """Return the items after one of them was asked for with these arguments."""
    if not items:
        return ()

    def likeness(item: Item) -> int:
        same_product = 3 if item.sku == result.args.get("sku") else 0 if item.sku else 1
        return same_product + (item.customer == result.args.get("customer")) + (item.quantity == result.args.get("quantity"))

    meant = max(items, key=likeness)
    settled = result.ok or uncertain(result) or understand_change(reason_of(result)).over
    asked = replace(
        meant,
        sku=str(result.args.get("sku")),
        quantity=int(result.args.get("quantity") or meant.quantity),
        customer=str(result.args.get("customer") or meant.customer),
    )
    at = items.index(meant)
    return (*items[:at], *(() if settled else (asked,)), *items[at + 1 :])
