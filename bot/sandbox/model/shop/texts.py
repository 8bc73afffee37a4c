"""What the shop assistant says: short Markdown, names, quantities and prices in it."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from ..json_shapes import is_object
from ..request import Result
from .products import Product
from .talk import NO_TALK, SELF, TRY
from .words import Change, Item

GREETING = "Hello! I can look up products and orders, and place an order once somebody has approved it. What do you need?"
ABOUT = (
    f"{SELF} I can\n\n"
    "- **find products**: _find me a desk lamp_\n"
    "- **look up an order**: _what is the status of ORD-1042?_\n"
    "- **place an order**: _order 3 espresso machines for ada@example.com_\n\n"
    "Nothing is ordered before a person has seen exactly what will be ordered and approved it."
)
WELCOME = "You're welcome!"
LEFT = "All right, I leave it at that. Nothing more is ordered."
STOPPED = "Stopped. Nothing more is done until you ask again."
WHICH_ORDER = "Which order do you mean? Please give me its id, such as ORD-1042."
WHICH_PRODUCT = "Which product, how many, and for which customer (e-mail address)?"
NOT_UNDERSTOOD = f"I did not understand that. {NO_TALK}"
NOTHING_LEFT = f"There is nothing that I left off. Try:\n\n{TRY}"
NOTHING_BEFORE = "Nothing was ordered here before, so I do not know what to order again. Which product, how many, and for whom?"
NO_PAGES = f"I read no web pages here; in the demo's channel #suppliers I do. Try:\n\n{TRY}"
CANNOT_UNDO = "I cannot cancel or change an order: ask the shop, before it is packed."
OBEYED = (
    "\n\n_The page told me to order that, and a script that does what it reads obeys. "
    "So does a model, now and then: that is why a person decides._"
)
NO_TOOLS = "I would need the shop's tools for that, and they are not available here."
IT_HAPPENED = "Thanks for checking: the order did go through. I will not place it again."
LEFT_ALONE = "All right, I leave it as it is and do not place the order again."

SHOWN = re.compile(r"^- \*\*(.+?)\*\* \(`([A-Z]{3}-\d{3})`\)", re.MULTILINE)  # what `_product_line` writes


def whose(items: Sequence[Item]) -> str:
    """Ask for the customer."""
    wanted = " and ".join(f"**{item.quantity} × {' '.join(item.words)}**" for item in items)
    return f"I can order {wanted}. For which customer? Please give me the e-mail address."


def found(products: Sequence[Product], words: Sequence[str], *, exact: bool, note: str) -> str:
    """Return what a search brought. `exact`: every word fits every product."""
    asked = " ".join(words)
    if not products:
        return f"I found nothing for “{asked}” in the catalogue." + (f" {note}" if note else "")
    head = f"Here is what we have for “{asked}”:" if exact else f"I found no “{asked}”. The nearest are:"
    tail = "To order, tell me which one, how many, and the customer's e-mail address."
    plainer = ["_These come from a plainer keyword search, so look twice._"] if note else []
    return "\n\n".join([head, "\n".join(_product_line(product) for product in products), *plainer, tail])


def no_product(words: Sequence[str], near: Sequence[Product]) -> str:
    """Return what the script makes of words that may have named a product, and name none."""
    head = f"I looked for “{' '.join(words)}” in the catalogue and found nothing of that name."
    listed = "\n".join(_product_line(product) for product in near[:3])
    return f"{head} The nearest are:\n\n{listed}\n\n{NO_TALK}" if near else f"{head} {NO_TALK}"


def files(found: Sequence[tuple[str, str]]) -> str:
    """Say what became of files: a script makes nothing of them, whether the bot has read them or not."""
    names = ", ".join(f"**{name}**" for name, _ in found)
    unread = " ".join(f"The bot did not read {name}: {why}." for name, why in found if why)
    return f"I got {names}, and a script makes nothing of files: a real model would read what is in them. {unread}".strip()


def page_said(result: Result) -> str:
    """Return the title and the first sentences of a page."""
    read: Any = result.result if is_object(result.result) else {}
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(str(read.get("text", "")).split()))
    return f"**{read.get('title') or read.get('url')}** says: {' '.join(sentences[:3])}"


def for_more(more: int, placed: Item, order_id: str) -> str:
    """Say that an order is for what is missing to what somebody wants in all."""
    return f"**{order_id}** has {placed.quantity} already, so I order {more} more."


def cannot_be_fewer(quantity: int, placed: Item, order_id: str) -> str:
    """Say that a placed order stays as it is."""
    if quantity == placed.quantity:
        return f"**{order_id}** has {quantity} already."
    return f"**{order_id}** is placed, with {placed.quantity}. {CANNOT_UNDO}"


def not_the_right_one(item: Item, near: Sequence[Product]) -> str:
    """Say that nothing fits an order."""
    asked = " ".join(item.words)
    if not near:
        return f"I found no “{asked}” in the catalogue, so nothing was ordered."
    listed = "\n".join(_product_line(product) for product in near[:3])
    return f"I found no “{asked}”, so nothing was ordered. The nearest are:\n\n{listed}\n\nWhich one do you mean?"


def too_few(product: Product, quantity: int, found: Sequence[Product]) -> str:
    """Say that there is not enough in stock, known before the order."""
    others = [one for one in found if one.sku != product.sku and one.stock >= quantity][:2]
    if product.stock < 1:
        said = f"**{product.name}** is out of stock, so I have not ordered it."
    else:
        said = f"Only **{product.stock} × {product.name}** are in stock, not {quantity}. Shall I order {product.stock}?"
    if not others:
        return said
    return f"{said}\n\nIn stock instead:\n\n" + "\n".join(_product_line(one) for one in others)


def chosen(product: Product, item: Item) -> str:
    """Return why this product is to be ordered: plain words, which people read on the card."""
    asked = " ".join(item.words)
    named = product.name if asked == product.sku else f"{product.name} for “{asked}”"
    return f"I chose {named}: {_usd(product.price_usd)} each, {product.stock} in stock."


def read_failed(result: Result, what: str) -> str:
    """Say that a read brought an error."""
    return f"I could not {what}: {_sentence(result)}"


def status(result: Result) -> str:
    """Return one order, or why it cannot be told."""
    order: Any = result.result
    if not result.ok or not is_object(order):
        return read_failed(result, f"look up **{result.args.get('order_id')}**")
    said = f"Order **{order.get('order_id')}** is **{order.get('status')}**: {_ordered(order)}"
    return f"{said}, placed on {str(order['created_at'])[:10]}." if order.get("created_at") else f"{said}."


def reason_of(result: Result) -> str:
    """Return the words a person gave with a rejection, or nothing."""
    given = re.search(r"\breason: (.+)", result.detail, re.DOTALL | re.IGNORECASE)
    return given.group(1).strip() if given and not result.ok else ""


def uncertain(result: Result) -> bool:
    """Return whether nobody knows if it happened: such a call must not be made again."""
    return not result.ok and (result.error == "timeout" or _uncertain(result.detail))


def outcome(result: Result, product: Product, quantity: int, change: Change) -> str:
    """Return what became of one order that was asked for. `change`: what the reason of a rejection asks for."""
    wanted = f"**{quantity} × {product.name}**"
    if result.ok:
        order: Any = result.result if is_object(result.result) else {}
        return f"Done: {_ordered(order) if order.get('order_id') else wanted}. Order **{order.get('order_id', '?')}**."
    if uncertain(result):
        return (
            f"The outcome of the order for {wanted} is unknown: it may or may not have been placed. "
            "I do not try again; somebody should check first."
        )
    if "rejected" in result.detail:
        return _rejected(wanted, reason_of(result), change)
    if "in time" in result.detail:
        return f"Nobody approved the order for {wanted} in time, so nothing was ordered. Ask again if it is still wanted."
    if "withdrawn" in result.detail:
        return f"The order for {wanted} was withdrawn, so nothing was ordered."
    left = re.match(r"Only (\d+) ×", result.detail)
    offer = f" Shall I order {left.group(1)}?" if left and left.group(1) != "0" else ""
    return f"The order for {wanted} was not placed. {_sentence(result)}{offer}"


def _rejected(wanted: str, reason: str, change: Change) -> str:
    said = f"The order for {wanted} was rejected" + (f" (“{reason}”)" if reason else "") + ", so nothing was ordered."
    if change.over:
        return said
    if change.leaning == "cheap":
        return f"{said} I found nothing cheaper. What should I change?"
    return f"{said} What should I change?"


def proposed_too_often(name: str) -> str:
    """Say that no more is proposed, after several rejections."""
    return f"I have proposed **{name}** several times now. Please tell me exactly what to order, and I start anew."


def ran_again(told: str) -> str:
    """Return the result of a call that was run after its outcome had been unknown."""
    try:
        result: object = json.loads(told)
    except ValueError:
        result = None
    order: Any = result.get("result") if is_object(result) else None
    if is_object(order) and order.get("order_id"):
        return f"It went through now: {_ordered(order)}. Order **{order['order_id']}**."
    detail = str(result.get("detail") if is_object(result) else told)
    if _uncertain(detail):
        return f"It was run again, and the outcome is unknown once more: {detail}"
    return f"It was run again and not placed: {detail}"


def together(lines: Sequence[str], *, apart: bool = False) -> str:
    """Return several orders as a list, one as it is. `apart`: as paragraphs, for what is about different things."""
    if len(lines) == 1:
        return lines[0]
    if apart or any("\n" in line for line in lines):
        return "\n\n".join(lines)
    return "\n".join(f"- {line}" for line in lines)


def _uncertain(detail: str) -> bool:
    return "unknown" in detail or "not certain" in detail


def _ordered(order: dict[str, Any]) -> str:
    said = f"**{order.get('quantity')} × {order.get('product') or order.get('sku')}** for {order.get('customer')}"
    return f"{said}, {_usd(order['total_usd'])}" if order.get("total_usd") else said


def _product_line(product: Product) -> str:
    stock = f"{product.stock} in stock" if product.stock else "out of stock"
    return f"- **{product.name}** (`{product.sku}`): {_usd(product.price_usd)}, {stock}"


def _usd(amount: object) -> str:
    try:
        return f"${Decimal(str(amount)):,.2f}"
    except InvalidOperation:
        return f"${amount}"


def _sentence(result: Result) -> str:
    plainly = {"not_found": "it does not exist.", "timeout": "there was no answer in time."}
    return result.detail or plainly.get(result.error, "something went wrong.")
