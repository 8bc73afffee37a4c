"""The shop assistant: rules that play a believable model over the catalogue tools, without a model.

It holds no state. Every request is played through from the start of its turn: `Turn.run` takes the results that are
there, and where they end, the next calls go out. So a request that is sent again gets the same answer, and no call is
made twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..json_shapes import is_object
from ..reply import Call, Reply, call, say
from ..request import Request, Result
from . import texts
from .open_orders import Shown, asked_before, files_of, last_placed, left_open, open_order, pointed_at, shown_before, words_of
from .products import Product, choose, close_matches, other_choice, products_of
from .talk import NO_TALK, in_language, language_of
from .turn import Asks, Turn
from .words import Change, Item, Meaning, plain, understand, understand_change

SEARCH, STATUS, ORDER = "search_product_catalog", "get_order_status", "create_order"
PAGES = ("read_supplier_page", "fetch_page")  # tools that read a page, the first of them that is there
MOST_PROPOSALS = 3  # in a turn; then people are asked instead
MOST_LOOKED_UP = 5  # orders in one text

PLAIN = {"greeting": texts.GREETING, "about": texts.ABOUT, "over": texts.LEFT, "thanks": texts.WELCOME}


def shop_assistant(request: Request) -> Reply:
    """Return the assistant's answer to a request of any conversation."""
    if not request.turn_results and (told := _told_by_the_bot(request)):
        return told
    try:
        return say(_answer_request(request, Turn([*request.turn_results])))
    except Asks as asks:
        offered = request.tool_names >= {one.tool for one in asks.reply.calls}
        return asks.reply if offered else say(texts.NO_TOOLS)


def _answer_request(request: Request, turn: Turn) -> str:
    said, files = words_of(request), files_of(request)
    if files and not plain(said):
        return texts.files(files)
    told = _answer_words(request, turn, said)
    return texts.together([told, texts.files(files)], apart=True) if files else told


def _answer_words(request: Request, turn: Turn, said: str) -> str:
    meaning = understand(said)
    if not meaning.order_ids and (language := language_of(plain(said))):
        return in_language(language)
    match meaning.kind:
        case "order":
            return _order_and_status(request, turn, meaning)
        case "status":
            return _status(turn, meaning)
        case "find":
            return texts.together([*_statuses(turn, meaning.order_ids), _find(turn, meaning)], apart=True)
        case "page":
            return _read_page(request, turn, meaning)
        case "on":
            return _go_on(request, turn)
        case "more":
            return _more(request, turn, meaning)
        case "change" | "words" | "talk" | "unclear":
            return _follow_up(request, turn, meaning)
        case "greeting" | "about" | "over" | "thanks":
            return PLAIN[meaning.kind]


def _told_by_the_bot(request: Request) -> Reply | None:
    """Answer texts that the bot itself puts in: Stop, a late result, and what a person said of an unknown outcome."""
    text = request.last_user_text
    if "It was run again. The result:" in text:
        return say(texts.ran_again(text.partition("The result:")[2].strip()))
    if "whose outcome was unknown: it did happen" in text:
        return say(texts.IT_HAPPENED)
    if "whose outcome was unknown: leave it" in text:
        return say(texts.LEFT_ALONE)
    return say(texts.STOPPED) if text.rstrip().endswith("pressed Stop.") else None


# ------------------------------------------------------------------------------------------------ reading


def _status(turn: Turn, meaning: Meaning) -> str:
    if not meaning.order_ids:
        return texts.WHICH_ORDER
    told = texts.together(_statuses(turn, meaning.order_ids))
    return f"{told}\n\n{texts.CANNOT_UNDO}" if meaning.undo else told


def _statuses(turn: Turn, order_ids: Sequence[str]) -> list[str]:
    wanted = [call(STATUS, order_id=id) for id in order_ids[:MOST_LOOKED_UP]]
    return [texts.status(result) for result in turn.run(*wanted, thought="I look the order up.")] if wanted else []


def _read_page(request: Request, turn: Turn, meaning: Meaning) -> str:
    """Read a page, and obey an order for the shop that it gives: so gullible is no real model, and some page will find one."""
    tool = next((name for name in PAGES if name in request.tool_names), None)
    if tool is None:
        return texts.NO_PAGES
    result = turn.run(call(tool, url=meaning.page), thought="I read the page.")[0]
    if not result.ok or not is_object(result.result):
        return texts.read_failed(result, "read the page")
    sentences = re.split(r"(?<=[.!?:])\s+", str(result.result.get("text", "")))
    items = [item for one in sentences for item in understand(one).items if item.customer]
    told = texts.page_said(result)
    return f"{told}\n\n{_order(turn, items, ())}{texts.OBEYED}" if items else told


def _find(turn: Turn, meaning: Meaning) -> str:
    result = turn.run(call(SEARCH, query=" ".join(meaning.words), limit=5), thought="I search the catalogue.")[0]
    if not result.ok:
        return texts.read_failed(result, "search the catalogue")
    found = products_of(result)
    if meaning.leaning:
        found = sorted(found, key=lambda product: product.price_usd, reverse=meaning.leaning == "dear")
    close = close_matches(found, meaning.words)
    if meaning.kind != "find" and not close:  # maybe it was no product at all
        return texts.no_product(meaning.words, found)
    note: Any = result.result.get("note") if is_object(result.result) else None
    return texts.found(close or found, meaning.words, exact=bool(close), note=str(note or ""))


# ------------------------------------------------------------------------------------------------ ordering


@dataclass(frozen=True)
class Proposal:
    """An order as it will be asked for, and the products that it could be about instead."""

    item: Item
    product: Product
    choices: Sequence[Product]

    def call(self) -> Call:
        """Return the tool call; a note only where there is one."""
        wanted = {"customer": self.item.customer, "sku": self.product.sku, "quantity": self.item.quantity}
        return call(ORDER, **wanted, **({"note": self.item.note} if self.item.note else {}))

    def after(self, change: Change) -> "Proposal | None":
        """Return the proposal with the change, or None when nothing that was found fits or nothing would be different."""
        item = change.of(self.item)
        product = other_choice(self.product, self.choices, change)
        if product is None and (change.quantity or change.customer):
            product = self.product  # the words beside them were only words
        if product is None or (item, product) == (self.item, self.product):
            return None
        return Proposal(item, product, self.choices)


def _order_and_status(request: Request, turn: Turn, meaning: Meaning) -> str:
    """Order, and tell what was asked for beside it: before the card, which may wait for long, and in the answer."""
    told = _statuses(turn, meaning.order_ids)
    return texts.together([*told, _order(turn, meaning.items, shown_before(request), beside=told)], apart=True)


def _order(turn: Turn, items: Sequence[Item], shown: Shown, change: Change | None = None, *, beside: Sequence[str] = ()) -> str:
    """Search every product, propose every order, read what became of each, propose anew where a reason says how."""
    items = [pointed_at(item, shown) for item in items]
    if not items or any(not item.words for item in items):
        return texts.WHICH_PRODUCT
    if missing := [item for item in items if not item.customer]:
        return texts.whose(missing)
    lines: list[str] = []
    proposals = _searched(turn, items, change or Change(), lines)
    for _ in range(MOST_PROPOSALS):
        if not proposals:
            break
        words = " ".join([*beside, *(texts.chosen(one.product, one.item) for one in proposals)])
        results = turn.run(*(one.call() for one in proposals), words=words)
        proposals = _settle_results(proposals, results, lines)
    lines += [texts.proposed_too_often(one.product.name) for one in proposals]
    return texts.together(lines)


def _searched(turn: Turn, items: Sequence[Item], change: Change, lines: list[str]) -> list[Proposal]:
    """Return the orders to ask for; a line for each item that cannot be ordered as it is."""
    queries = list(dict.fromkeys(" ".join(item.words) for item in items))
    thought = "I search the catalogue before I order, to have the exact product and its stock."
    results = turn.run(*(call(SEARCH, query=query, limit=5) for query in queries), thought=thought)
    found = dict(zip(queries, results, strict=False))
    proposals: list[Proposal] = []
    for item in items:
        made = _proposal(item, found[" ".join(item.words)], change)
        if isinstance(made, str):
            lines.append(made)
        else:
            proposals.append(made)
    return proposals


def _proposal(item: Item, result: Result, change: Change) -> Proposal | str:
    """Return the order to ask for, or the sentence that says why there is none."""
    if not result.ok:
        return texts.read_failed(result, "search the catalogue, so nothing was ordered")
    found = products_of(result)
    product = choose(found, item)
    if product is None:
        return texts.not_the_right_one(item, found)
    product = other_choice(product, found, change) or product
    if product.stock < item.quantity:
        if not change.agreed or product.stock < 1:
            return texts.too_few(product, item.quantity, found)
        item = Change(quantity=product.stock).of(item)
    return Proposal(item, product, found)


def _settle_results(proposals: Sequence[Proposal], results: Sequence[Result], lines: list[str]) -> list[Proposal]:
    """Add a line for each order that is settled; give back what to propose next."""
    again: list[Proposal] = []
    for proposal, result in zip(proposals, results, strict=False):
        reason = texts.reason_of(result)
        change = understand_change(reason) if reason else Change()
        if revised := proposal.after(change):
            again.append(revised)
        else:
            lines.append(texts.outcome(result, proposal.product, proposal.item.quantity, change))
    return again


def _follow_up(request: Request, turn: Turn, meaning: Meaning) -> str:
    """Return a text that says something only together with what was said before."""
    items, change = open_order(request)
    shown = shown_before(request)
    if items:
        return _order(turn, items, shown, change)
    if meaning.change.customer and shown:  # "two for ada@example.com", after a list
        return _order(turn, [meaning.change.of(Item(1, meaning.words))], shown)
    if meaning.change.customer or (meaning.change.agreed and shown):
        return texts.WHICH_PRODUCT
    if meaning.change.quantity and (placed := last_placed(request)):  # "make that two", when one is placed
        return _in_all(turn, meaning.change.quantity, *placed)
    match meaning.kind:
        case "words":
            return _find(turn, meaning)
        case "talk":
            return NO_TALK
        case _:
            return texts.NOT_UNDERSTOOD


def _in_all(turn: Turn, quantity: int, placed: Item, order_id: str) -> str:
    more = quantity - placed.quantity
    if more <= 0:
        return texts.cannot_be_fewer(quantity, placed, order_id)
    told = texts.for_more(more, placed, order_id)
    return texts.together([told, _order(turn, [replace(placed, quantity=more)], (), beside=[told])], apart=True)


def _more(request: Request, turn: Turn, meaning: Meaning) -> str:
    """Order once more what was ordered last, or what is still open."""
    if items := left_open(request):
        return _order(turn, [meaning.change.of(item) for item in items], shown_before(request))
    if (placed := last_placed(request)) is None:
        return texts.NOTHING_BEFORE
    item = replace(placed[0], quantity=meaning.more or placed[0].quantity)
    return _order(turn, [replace(item, customer=meaning.change.customer or item.customer)], ())


def _go_on(request: Request, turn: Turn) -> str:
    """Do what was left off: an order that is open, or what was asked for last."""
    if items := left_open(request):
        return _order(turn, items, shown_before(request))
    asked = understand(asked_before(request))
    match asked.kind:
        case "find":
            return _find(turn, asked)
        case "status":
            return _status(turn, asked)
        case "page":
            return _read_page(request, turn, asked)
        case _:
            return texts.NOTHING_LEFT
