"""The shop assistant: rules that play a believable model over the catalogue tools, without a model.

It holds no state. Every request is played through from the start of its turn: `Turn.run` takes the results that are
there, and where they end, the next calls go out. So a request that is sent again gets the same answer, and no call is
made twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import shop_texts as texts
from .json_shapes import is_object
from .reply import Call, Reply, call, say, think
from .request import Request, Result
from .shop_products import Product, choose, fits, other_choice, products_of
from .shop_words import Change, Item, Meaning, plain, understand, understand_change

SEARCH, STATUS, ORDER = "search_product_catalog", "get_order_status", "create_order"
MOST_PROPOSALS = 3  # of one item in a turn; then people are asked instead


class Asks(Exception):
    """The play-through came to calls whose results are not there yet."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("calls to make")
        self.reply = reply


@dataclass
class Turn:
    """The results of this turn that were not looked at yet."""

    left: list[Result]
    made: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def run(self, *wanted: Call, thought: str) -> list[Result]:
        """The results of these calls, in order. Raises Asks where they must be made first; none is ever made twice."""
        fresh = [one for one in wanted if (one.tool, one.json()) not in self.made]
        self.made.update((one.tool, one.json()) for one in fresh)
        if not self.left and fresh:
            raise Asks(Reply((think(thought), *fresh)))
        taken, self.left = self.left[: len(fresh)], self.left[len(fresh) :]
        return taken


def shop_assistant(request: Request) -> Reply:
    """The assistant's answer to a request of any conversation."""
    if told := _told_by_the_bot(request):
        return told
    turn = Turn([*request.turn_results])
    try:
        return say(_answer(request, turn))
    except Asks as asks:
        return asks.reply if request.tool_names >= {one.tool for one in asks.reply.calls} else say(texts.NO_TOOLS)


def _answer(request: Request, turn: Turn) -> str:
    meaning = understand(request.last_user_text)
    match meaning.kind:
        case "order":
            return _order(turn, meaning.items)
        case "status":
            return _status(turn, meaning)
        case "find":
            return _find(turn, meaning)
        case "greeting":
            return texts.GREETING
        case "about":
            return texts.ABOUT
        case "cancel":
            return texts.CANCELLED
        case "thanks":
            return texts.WELCOME
        case "change" | "unclear":
            return _follow_up(request, turn, meaning)


def _told_by_the_bot(request: Request) -> Reply | None:
    """Texts that the bot itself puts in: a late result, and what a person said of an unknown outcome."""
    text = plain(request.last_user_text)
    if request.turn_results:
        return None
    if "It was run again. The result:" in text:
        return say(texts.ran_again(text.partition("The result:")[2].strip()))
    if "whose outcome was unknown: it did happen" in text:
        return say(texts.IT_HAPPENED)
    if "whose outcome was unknown: leave it" in text:
        return say(texts.LEFT_ALONE)
    if "whose outcome was unknown: run it again" in text:
        last = [result for result in request.results if result.tool == ORDER][-1:]
        return Reply((call(ORDER, **last[0].args),)) if last else None
    if text.endswith("pressed Stop."):
        return say(texts.STOPPED)
    return None


# ------------------------------------------------------------------------------------------------ reading


def _status(turn: Turn, meaning: Meaning) -> str:
    if not meaning.order_ids:
        return texts.WHICH_ORDER
    wanted = [call(STATUS, order_id=id) for id in meaning.order_ids[:5]]
    results = turn.run(*wanted, thought="I look the order up.")
    return "\n".join(texts.status(result) for result in results)


def _find(turn: Turn, meaning: Meaning) -> str:
    (result,) = turn.run(call(SEARCH, query=" ".join(meaning.words), limit=5), thought="I search the catalogue.")
    if not result.ok:
        return texts.search_failed(result)
    found = products_of(result)
    if meaning.leaning:
        found = sorted(found, key=lambda product: product.price_usd, reverse=meaning.leaning == "dear")
    close = [product for product in found if fits(product, meaning.words)]
    return texts.found(close or found, meaning.words, exact=bool(close), note=_note(result))


def _note(result: Result) -> str:
    told: Any = result.result
    return str(told.get("note") or "") if is_object(told) else ""


# ------------------------------------------------------------------------------------------------ ordering


@dataclass(frozen=True)
class Proposal:
    """An order as it will be asked for."""

    item: Item
    product: Product
    choices: tuple[Product, ...]

    def call(self) -> Call:
        """The tool call; a note only where there is one."""
        wanted = {"customer": self.item.customer, "sku": self.product.sku, "quantity": self.item.quantity}
        return call(ORDER, **wanted, **({"note": self.item.note} if self.item.note else {}))

    def after(self, change: Change) -> "Proposal | None":
        """The proposal with the change, or None when nothing that was found fits or nothing would be different."""
        item = change.of(self.item)
        product = other_choice(self.product, self.choices, change)
        if product is None or (item, product) == (self.item, self.product):
            return None
        return Proposal(item, product, self.choices)


def _order(turn: Turn, items: Sequence[Item], change: Change | None = None) -> str:
    """Search every product, propose every order, read what became of each, propose anew where a reason says how."""
    if missing := [item for item in items if not item.customer]:
        return texts.whose(missing)
    searches = [call(SEARCH, query=" ".join(item.words), limit=5) for item in items]
    found = turn.run(*searches, thought="I search the catalogue before I order, to have the exact product and its stock.")
    lines: list[str] = []
    proposals: list[Proposal] = []
    for item, result in zip(items, found, strict=False):
        proposal = _proposal(item, result, change or Change())
        if isinstance(proposal, str):
            lines.append(proposal)
        else:
            proposals.append(proposal)
    for _ in range(MOST_PROPOSALS):
        if not proposals:
            break
        results = turn.run(*(one.call() for one in proposals), thought="I have what I need: I ask for the order.")
        proposals = _read(proposals, results, lines)
    lines += [texts.ask_what_to_change(one.product.name) for one in proposals]
    return texts.together(lines)


def _proposal(item: Item, result: Result, change: Change) -> Proposal | str:
    """The order to ask for, or the sentence that says why there is none."""
    if not result.ok:
        return texts.search_failed(result)
    found = products_of(result)
    product = choose(found, item)
    if product is None:
        return texts.not_the_right_one(item, found)
    if change.leaning or change.words:
        product = other_choice(product, found, change) or product
    if product.stock < item.quantity:
        if not change.agreed or product.stock < 1:
            return texts.too_few(product, item.quantity, [one for one in found if one.stock >= item.quantity])
        item = Change(quantity=product.stock).of(item)
    return Proposal(item, product, tuple(found))


def _read(proposals: Sequence[Proposal], results: Sequence[Result], lines: list[str]) -> list[Proposal]:
    """Add a line for each order that is settled; give back what to propose next."""
    again: list[Proposal] = []
    for proposal, result in zip(proposals, results, strict=False):
        reason = texts.reason_of(result)
        revised = proposal.after(understand_change(reason)) if reason else None
        if revised:
            again.append(revised)
        else:
            lines.append(texts.outcome(result, proposal.product, proposal.item.quantity))
    return again


# ------------------------------------------------------------------------------------------------ follow-ups


def _follow_up(request: Request, turn: Turn, meaning: Meaning) -> str:
    """A text that says something only together with what was said before."""
    items, change, asked_for = _open_order(request)
    if items:
        return _order(turn, items, change)
    if asked_for and meaning.change.agreed:
        return texts.HOW_MANY_FOR_WHOM
    if meaning.words and (len(meaning.words) <= 3 or turn.left):
        return _find(turn, meaning)
    return texts.NOT_UNDERSTOOD


def _open_order(request: Request) -> tuple[tuple[Item, ...], Change, bool]:
    """The last order that was talked about and not placed, with all that was said about it since."""
    items: tuple[Item, ...] = ()
    change = Change()
    seen_products = False
    for event in request.history[: len(request.history) - len(request.turn)] + request.turn[:1]:
        if isinstance(event, Result):
            seen_products = seen_products or event.tool == SEARCH
            if event.tool == ORDER and event.ok:
                items, change = (), Change()
        elif event.role == "user":
            told = understand(event.text)
            if told.kind == "order":
                items, change = told.items, Change()
            elif told.kind == "cancel":
                items, change = (), Change()
            elif told.kind in ("change", "unclear") and items:
                change = told.change or understand_change(event.text)
                items = tuple(change.of(item) for item in items)
    return items, change, seen_products
