"""What an order is about when a text only makes sense together with what was said before."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ..json_shapes import is_object
from ..request import Event, Request, Result, Said
from .products import products_of, says
from .texts import SHOWN, reason_of, uncertain
from .words import Change, Item, plain, understand, understand_change

# What the bot writes in a separate text where somebody attached a file.
FILE = re.compile(
    r"The attached file (?P<name>.+?) (?:was not read: (?P<why>.+)\.$|follows\.|stands between|has [\d,]+ characters)", re.DOTALL
)

Shown = Sequence[tuple[str, str]]  # SKU and name of each product in the list that people saw last


def words_of(request: Request) -> str:
    """Return the newest words of people, without what the bot says of their files."""
    return "\n".join(text for text in _user_texts(request.turn) if not FILE.match(text))


def files_of(request: Request) -> Sequence[tuple[str, str]]:
    """Return the name of each file that came with the newest words, and why it was not read, if it was not."""
    found = (FILE.match(text) for text in _user_texts(request.turn))
    return [(one["name"], one["why"] or "") for one in found if one]


def asked_before(request: Request) -> str:
    """Return what people asked for last, before the newest words: "" where they did not."""
    texts = [text for text in _user_texts(_before(request)) if not FILE.match(text) and plain(text)]
    return next((text for text in reversed(texts) if understand(text).kind in ("find", "status", "page")), "")


def last_placed(request: Request) -> tuple[Item, str] | None:
    """Return the order that was placed last in this conversation, with its id."""
    for event in reversed(_before(request)):
        if isinstance(event, Result) and event.tool == "create_order" and event.ok and is_object(event.result):
            sku, quantity = str(event.args.get("sku")), int(event.args.get("quantity") or 1)
            order_id = str(event.result.get("order_id", "?"))
            return Item(quantity, (sku,), customer=str(event.args.get("customer") or ""), sku=sku), order_id
    return None


def _user_texts(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Said) and event.role == "user"]


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


def left_open(request: Request) -> tuple[Item, ...]:
    """Return the items of the last order that were neither placed nor given up."""
    items: tuple[Item, ...] = ()
    for event in _before(request):
        if isinstance(event, Result):
            items = _proposed(items, event) if event.tool == "create_order" else items
        elif event.role == "user" and not FILE.match(event.text):
            items = _after(items, event.text)
    return items


def open_order(request: Request) -> tuple[tuple[Item, ...], Change]:
    """Return the items of the last order that were neither placed nor given up, as the newest text changes them.

    No items where there are none, or where the newest text has nothing to do with them.
    """
    items = left_open(request)
    change = understand_change(words_of(request))
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
