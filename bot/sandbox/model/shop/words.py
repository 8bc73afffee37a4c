"""What people mean when they talk to the shop assistant. Plain rules over one text at a time; no state.

Long because the phrases, and what is made of them, are read together.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .talk import OFF_TOPIC, SMALL_TALK, mended

_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve"
NUMBERS = {
    **{word: number for number, word in enumerate(_NUMBER_WORDS.split(), 1)},
    **{"fifteen": 15, "twenty": 20, "dozen": 12, "a dozen": 12, "a": 1, "an": 1},
    **{"a couple of": 2, "a couple": 2, "couple": 2, "a pair of": 2, "a pair": 2, "pair": 2},
}
ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "last": -1}

_COUNT = r"(?:\d{1,4}|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + r")(?!\s?(?:mm|cm|m|g|kg|ml|l|in|litres?)\b)"
_QUANTITY = re.compile(rf"(?<![\w-])(?:x\s?)?({_COUNT})(?:\s?(?:x|×|pcs|pieces|units))?(?![\w-])", re.IGNORECASE)
_BEGINS_WITH_COUNT = re.compile(rf"^\W*(?:(?:ok|okay|yes|please|then|and|hi|hello)\b\W*)*{_COUNT}\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ORDER_ID = re.compile(r"\bORD-?\s?(\d{3,})\b", re.IGNORECASE)
_SKU = re.compile(r"\b[A-Z]{3}-\d{3}\b", re.IGNORECASE)
_ORDERING = re.compile(
    r"\b(?:order|reorder|buy|purchase|(?:get|send|bring)\s+(?:me|us|him|her|them|\d|a\b|an\b|\S+@)|"
    r"(?:i|we)\s+(?:need|want)|(?:i|we)'(?:d\s+like|ll\s+(?:take|have))|(?:i|we)\s+would\s+like|can\s+(?:i|we)\s+have)\b",
    re.IGNORECASE,
)
_LOOKING = re.compile(
    r"\b(?:find|search|look(?:ing)?\s+(?:for|up)|show|list|do\s+you\s+(?:have|sell|stock|carry)|have\s+you\s+got|"
    r"in\s+stock|how\s+much|how\s+many|prices?|costs?|cheapest|recommend|catalog(?:ue)?|available|(?:is|are)\s+there|"
    r"got\s+any|(?:what|which)\s+(?:[\w-]+\s+){0,3}(?:do\s+you|is|are|have))\b",
    re.IGNORECASE,
)
_ABOUT_SELF = re.compile(
    r"\b(?:which\s+model|are\s+you\s+(?:real|claude|chatgpt|gpt)|who\s+are\s+you|what\s+are\s+you|what\s+(?:can|do)\s+you\s+do|what\s+you\s+(?:can|do)|help|"
    r"how\s+do\s+you\s+work|are\s+you\s+(?:a|an)\s+(?:bot|robot|human|ai|person)|your\s+name)\b",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\b(?:status|where|track|arrive|arrived|shipped|delivered)\b", re.IGNORECASE)
_AN_ORDER = re.compile(r"\b(?:order|orders|delivery|parcel|package)\b", re.IGNORECASE)
_GREETING = re.compile(r"^\W*(?:hi|hello|hey|good\s+(?:morning|afternoon|evening)|howdy)\b", re.IGNORECASE)
_THANKS = re.compile(r"\b(?:thanks|thank\s+you|thx|cheers|great|perfect|awesome|nice|good\s+job|well\s+done)\b", re.I)
_OVER = re.compile(
    r"\b(?:never\s?mind|forget\s+it|cancel|stop|any\s?more|no\s+longer|don'?t|do\s+not|leave\s+it|changed\s+\w+\s+mind|"
    r"already|no\s+budget|not\s+now|not\s+today|later|duplicate)\b",
    re.IGNORECASE,
)
_YES = re.compile(r"^\W*(?:yes|yep|yeah|ok|okay|sure|please\s+do|go\s+ahead|do\s+it|fine|sounds\s+good|that'?s\s+fine)\b", re.I)
_ON = re.compile(r"^\W*(?:please\W+)?(?:continue|go\s+on|carry\s+on|keep\s+going|proceed|try\s+again|retry)\b", re.IGNORECASE)
_AGAIN = re.compile(
    rf"\b(?:same\s+again|once\s+more|(?P<more>{_COUNT})\s+more|(?P<other>another)(?:\s+one)?|again)\b", re.IGNORECASE
)
_UNDOING = re.compile(r"\b(?:cancel|refund|return|change|undo|delete|remove)\b", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>|\"']+", re.IGNORECASE)
_CLAUSES = re.compile(r"([.;?!]+(?:\s+|$)|\n+|,?\s+(?:and|then|plus)\s+(?:also\s+|then\s+)?|\s*,\s+(?:also\s+)?)", re.IGNORECASE)
_NOTE = re.compile(
    r"[,.;]?\s*(?:\b(?:with|add|and)\s+)?(?:a\s+|the\s+)?\bnote\b[:,]?\s*(?:saying\s+)?[\"“']?(.+?)[\"”']?$",
    re.IGNORECASE,
)
_CHEAPER = re.compile(r"\b(?:cheap(?:er|est)?|less\s+expensive|too\s+(?:expensive|dear|much\s+money)|affordable)\b", re.I)
_DEARER = re.compile(r"\b(?:better|best|most\s+expensive|premium|high(?:er)?[\s-]end)\b", re.IGNORECASE)
_NOT_THIS = re.compile(r"\b(?:no|not|wrong|too)\b", re.IGNORECASE)
_PACKED = re.compile(r"\b(?:packs?|boxes|box|sets?|cases?|bottles?|bags?)\s+of\b", re.IGNORECASE)
_PLACE = re.compile(r"\s+(?:for|to)\s+(?:the|our|my|his|her|their)\s.*$", re.IGNORECASE | re.DOTALL)
# What follows must look like a new item: the comma in "Widget Bracket, 40 mm" separates nothing.
_BETWEEN_ITEMS = re.compile(
    rf"(?:\s*[,;]?\s+(?:and|plus|as\s+well\s+as)\s+(?:also\s+)?|\s*[,;]\s*|\s*[.!?\n]+\s*)"
    rf"(?=(?:(?:please\s+)?(?:order|get|buy)\s+)?(?:{_COUNT})\b)",
    re.IGNORECASE,
)
_FILLER = """
a about above actually add again ah all alright also am an and another any anything are as asap at available be been
best better bit bot bring buy buying by can carry catalog catalogue cheap cheaper cheapest check cool cost costs could
customer customers day dear did do does e-mail else email end every expensive few find fine first for from get give go
good got great had has have he hello help her hey hi high him his how i i'd i'll i'm if in instead is it it's its just
kind know last less let like list look looking lot lovely made mail make many may maybe me mine more morning most much
my name need needs new nice no not now of off ok okay on one ones only or order ordered ordering orders ought our out
over pcs per piece pieces place please premium price prices product products purchase put quick quickly recommend
reorder right same search second sell send shall she should show so some something sort still stock such sure take team
tell than thank thanks that that's the their them then there these they thing things third this those to today
tomorrow too tool top units up us version want wanted wants was we we'd we'll we're well what what's when where which
who why will with would x yeah yep yes yet you your
"""
NOT_THE_PRODUCT = frozenset(_FILLER.split())
MOST_SEARCHED = 3  # words without a verb that are taken for a product; more are a sentence
# "make it a brass one" counts nothing, so no articles here.
_COUNTING = tuple(
    re.compile(way.replace("N", r"(?!an?\b)(" + _COUNT + ")"), re.IGNORECASE)
    for way in (
        r"\b(?:only|just|make\s+(?:it|that|them|those)|to|take|order|need|want|at\s+most|max(?:imum)?)\s+N\b",
        r"(?<![\w-])N\s+(?:is|are|will|would)\s+(?:enough|do|be|plenty)\b",
        r"^\W*N\W*(?:please|pieces|pcs)?\W*$",
    )
)
_QUESTION = re.compile(r"^\W*(?:what|why|who|when|where|how|is|are|do|does|did|can|could|will|would)\b", re.IGNORECASE)

Kind = Literal[
    "order", "status", "find", "page", "greeting", "thanks", "about", "change", "more", "on", "over", "words", "talk", "unclear"
]
Leaning = Literal["", "cheap", "dear"]


@dataclass(frozen=True)
class Item:
    """One product that somebody wants: how many, in which words, for whom. `place` counts in a list that was shown."""

    quantity: int
    words: tuple[str, ...]
    customer: str = ""
    note: str = ""
    leaning: Leaning = ""
    place: int | None = None
    sku: str = ""  # of the product that was proposed last


@dataclass(frozen=True)
class Change:
    """What a text changes of an order that was talked about before. Empty fields change nothing."""

    quantity: int = 0
    customer: str = ""
    leaning: Leaning = ""
    words: tuple[str, ...] = ()
    place: int | None = None
    agreed: bool = False
    over: bool = False

    def __bool__(self) -> bool:
        return self != Change()

    def of(self, item: Item) -> Item:
        """Return the item for so many and for that customer. Which product it is then, `products` has to say."""
        return replace(item, quantity=self.quantity or item.quantity, customer=self.customer or item.customer)


@dataclass(frozen=True)
class Meaning:
    """One text, understood. `order_ids` are asked for beside what its kind says; `undo`: somebody wants one of them undone.

    `more`: how many more of what was ordered last; 0: as many again. `page`: an address to read.
    """

    kind: Kind
    items: tuple[Item, ...] = ()
    order_ids: tuple[str, ...] = ()
    undo: bool = False
    more: int = 0
    page: str = ""
    words: tuple[str, ...] = ()
    leaning: Leaning = ""
    change: Change = Change()


def plain(text: str) -> str:
    """Return the text as its writer saw it: without Slack's markup, mentions and the speaker's name in front."""
    text = re.sub(r"<mailto:([^|>]+)(?:\|[^>]*)?>", r"\1", text)
    text = re.sub(r"<@[^>]*> pressed Stop\.", " ", text)  # said by the bot
    text = re.sub(r"<[@!][^>]*>:?", " ", text)
    text = re.sub(r"<#[A-Z0-9]+\|?([^>]*)>", r"#\1", text)
    text = re.sub(r"<https?://[^|>]+\|([^>]*)>", r"\1", text)
    return html.unescape(re.sub(r"[ \t]+", " ", text)).replace("’", "'").strip()


def understand(text: str) -> Meaning:
    """Return what one text asks for, on its own."""
    meaning = _understand(plain(text))
    if meaning.kind in ("words", "unclear", "change", "over") and not meaning.order_ids:
        mended_text = mended(plain(text))
        again = _understand(mended_text) if mended_text != plain(text) else meaning
        meaning = again if again.kind not in ("words", "unclear", "talk") else meaning
    if meaning.kind in ("words", "unclear") and (SMALL_TALK.search(plain(text)) or len(meaning.words) > MOST_SEARCHED):
        return replace(meaning, kind="talk")
    return replace(meaning, kind="talk") if meaning.kind == "find" and OFF_TOPIC.search(plain(text)) else meaning


def _understand(text: str) -> Meaning:
    if url := _URL.search(text):
        return Meaning("page", page=url.group().rstrip(".,;:!?)"))
    if ids := _ORDER_ID.findall(text):
        return _with_ids(text, tuple(dict.fromkeys(f"ORD-{number}" for number in ids)))
    if _WHERE.search(text) and _AN_ORDER.search(text) and not _EMAIL.search(text):
        return Meaning("status")
    asking = _LOOKING.search(text) and re.search(r"\?|\bin\s+stock\b", text) and not _EMAIL.search(text)
    if not asking and (again := _again(text)):
        return again
    ordering = _ORDERING.search(text) or (_EMAIL.search(text) and _BEGINS_WITH_COUNT.search(text))
    if ordering and not asking and (items := _items(text)):
        return Meaning("order", items=items)
    if _ON.search(text):
        return Meaning("on")
    if _ABOUT_SELF.search(text):
        return Meaning("about")
    words = product_words(_PLACE.sub("", text))
    if _LOOKING.search(text):
        return Meaning("find" if words else "about", words=words, leaning=_leaning(text))
    if _THANKS.search(text) and not _EMAIL.search(text) and len(words) <= 2:
        return Meaning("thanks")
    if _GREETING.search(text) and not words:
        return Meaning("greeting")
    change = understand_change(text)
    if change.over:
        return Meaning("over")
    if change and (change != Change(words=change.words)):
        return Meaning("change", change=change, words=words)
    if re.search(r"\b(?:order|buy|purchase)\b", text, re.I):
        return Meaning("order")  # of what, it does not say
    return Meaning("words" if words and not _QUESTION.search(text) else "unclear", words=words, change=change)


def _with_ids(text: str, ids: tuple[str, ...]) -> Meaning:
    """Return what a text asks for that names orders: their status, and what the clauses without an id say beside it."""
    pieces = ["", *_CLAUSES.split(text)]  # each clause behind what parts it from the one before it
    clauses = [pieces[at] + pieces[at + 1] for at in range(0, len(pieces), 2)]
    rest = "".join(clause for clause in clauses if not _ORDER_ID.search(clause))
    rest = re.sub(r"^\W*(?:(?:and|then|plus|also)\b\W*)*", "", rest)
    beside = _understand(rest) if rest else Meaning("status")
    if beside.kind in ("order", "find") and (beside.items or beside.words):
        return replace(beside, order_ids=ids)
    return Meaning("status", order_ids=ids, undo=bool(_UNDOING.search(text)))


def _again(text: str) -> Meaning | None:
    """Return that somebody wants what was ordered last once more, or so many more of it."""
    found = _AGAIN.search(text)
    if found is None or product_words(text):
        return None
    more = _number(found["more"]) if found["more"] else 1 if found["other"] else 0
    return Meaning("more", more=more, change=understand_change(text))


def understand_change(text: str) -> Change:
    """Return what a rejection's reason or a follow-up changes. Empty when it says nothing that can be acted on."""
    text = plain(text)
    email = _EMAIL.search(text)
    left = _EMAIL.sub(" ", text)
    count = next((found for found in (way.search(left) for way in _COUNTING) if found), None)
    if count:
        left = left[: count.start()] + " " + left[count.end() :]
    sku = _SKU.search(left)
    words = (sku.group().upper(),) if sku else product_words(left)
    if _NOT_THIS.search(left) and not re.search(r"\binstead\b", left, re.I) and not sku:
        words = ()  # what is not wanted names no product
    return Change(
        quantity=_number(count.group(1)) if count else 0,
        customer=email.group().lower() if email else "",
        leaning=_leaning(left),
        words=words if len(words) <= 4 else (),
        place=_ordinal_place(left),
        agreed=bool(_YES.search(left)),
        over=bool(_OVER.search(left)) and not count and not email and not re.search(r"\binstead\b", left, re.I),
    )


def product_words(text: str) -> tuple[str, ...]:
    """Return the words that may name a product, in the singular; a SKU stands for itself."""
    if sku := _SKU.search(text):
        return (sku.group().upper(),)
    left = _QUANTITY.sub(" ", _PACKED.sub(" ", _EMAIL.sub(" ", text)), count=1)
    found = re.findall(r"\w[\w'/.-]*\w|\w", left.lower())
    return tuple(singular(word) for word in found if word not in NOT_THE_PRODUCT and word not in NUMBERS)


def singular(word: str) -> str:
    """Return the word without a plural ending, by rule of thumb."""
    for ending, put in (("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ies", "y")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + put
    if word in ("axis", "basis", "chassis", "iris", "tennis"):
        return word
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


def same_word(one: str, other: str) -> bool:
    """Return whether two words are the same but for their ending."""
    return singular(one.lower()) == singular(other.lower())


def _items(text: str) -> tuple[Item, ...]:
    note = _NOTE.search(text)
    if note:
        text = text[: note.start()]
    items: list[Item] = []
    for part in _BETWEEN_ITEMS.split(text):
        email = _EMAIL.search(part)
        about = re.split(r"\s+(?:for|to)\s+", part[: email.start()] if email else part)[0]
        if not product_words(about):  # "order ada@example.com 3 desk lamps", "something for the desk"
            about = _EMAIL.sub(" ", part)
        words, place = product_words(about), _ordinal_place(about)
        customer = email.group().lower() if email else ""
        count = _QUANTITY.search(about)
        if words or place is not None or re.search(r"\b(?:them|those|these|it)\b", about, re.I):
            item = Item(_number(count.group(1)) if count else 1, words, customer, "", _leaning(about), place)
            items.append(replace(item, note=note.group(1).strip() if note else ""))
        elif items:  # "do you have desk lamps? order 2 for ada@example.com"
            quantity = _number(count.group(1)) if count else items[-1].quantity
            items[-1] = replace(items[-1], customer=customer, quantity=quantity)
    first = _EMAIL.search(text)
    return _with_customers(items, first.group().lower() if first else "")


def _with_customers(items: Sequence[Item], first: str) -> tuple[Item, ...]:
    """Return items with their customers. `3 lamps and 2 mugs for ada` names Ada for both: the next address counts, or the
    first."""
    told: list[Item] = []
    following = ""
    for item in reversed(items):
        following = item.customer or following
        told.append(replace(item, customer=following or first))
    return tuple(reversed(told))


def _leaning(text: str) -> Leaning:
    if _CHEAPER.search(text):
        return "cheap"
    return "dear" if _DEARER.search(text) else ""


def _ordinal_place(text: str) -> int | None:
    found = re.search(r"\bthe\s+(" + "|".join(ORDINALS) + r")\b(?!\s+aid)", text, re.IGNORECASE)
    return ORDINALS[found.group(1).lower()] if found else None


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS[word.lower()]
