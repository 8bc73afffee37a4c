"""What people mean when they talk to the shop assistant. Plain rules over one text at a time; no state."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ORDER_ID = re.compile(r"\bORD-?\s?(\d{3,})\b", re.IGNORECASE)
SKU = re.compile(r"\b[A-Z]{3}-\d{3}\b", re.IGNORECASE)
NUMBERS = {
    word: number for number, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
} | {"eleven": 11, "twelve": 12, "dozen": 12, "couple": 2, "pair": 2, "fifteen": 15, "twenty": 20, "a": 1, "an": 1}
_COUNT = r"\d{1,4}|" + "|".join(sorted(NUMBERS, key=len, reverse=True))
QUANTITY = re.compile(rf"(?<![\w-])(?:x\s?)?({_COUNT})(?:\s?(?:x|×|pcs|pieces|units)(?![\w]))?(?![\w-])", re.IGNORECASE)
ORDERING = re.compile(
    r"\b(order|reorder|buy|purchase|(?:get|send|bring)\s+(?:me|us|him|her|them|\d|a\b|an\b|\S+@)|(?:i|we)\s+need|"
    r"i'?d\s+like|i\s+would\s+like|we'?d\s+like|can\s+(?:i|we)\s+have)\b",
    re.IGNORECASE,
)
LOOKING = re.compile(
    r"\b(find|search|look(?:ing)?\s+(?:for|up)|show|list|do\s+you\s+(?:have|sell|stock|carry)|have\s+you\s+got|in\s+stock|"
    r"how\s+much|how\s+many|price|cost|costs|cheapest|any|what|which|recommend|sell|catalogue|catalog|available)\b",
    re.IGNORECASE,
)
ABOUT_SELF = re.compile(
    r"\b(who\s+are\s+you|what\s+are\s+you|what\s+(?:can|do)\s+you\s+do|what\s+you\s+(?:can|do)|help|how\s+do\s+you\s+work|"
    r"are\s+you\s+(?:a|an)\s+(?:bot|robot|human|ai|person)|your\s+name)\b",
    re.IGNORECASE,
)
GREETING = re.compile(r"^\W*(hi|hello|hey|good\s+(?:morning|afternoon|evening)|howdy|moin|hallo|yo)\b", re.IGNORECASE)
THANKS = re.compile(r"\b(thanks|thank\s+you|thx|cheers|great|perfect|awesome|nice|good\s+job|well\s+done)\b", re.IGNORECASE)
CANCEL = re.compile(r"\b(never\s?mind|forget\s+it|cancel|stop|not\s+any\s?more|don'?t|do\s+not|leave\s+it)\b", re.IGNORECASE)
YES = re.compile(r"^\W*(yes|yep|yeah|ok|okay|sure|please\s+do|go\s+ahead|do\s+it|fine|sounds\s+good|that'?s\s+fine)\b", re.I)
NOTE = re.compile(r"[,.;]?\s*(?:\b(?:with|add|and)\s+)?(?:a\s+|the\s+)?\bnote\b[:,]?\s*(?:saying\s+)?[\"“']?(.+?)[\"”']?$", re.I)
CHEAPER = re.compile(
    r"\b(cheap(?:er|est)?|less\s+expensive|too\s+(?:expensive|dear|much\s+money)|lower\s+price|affordable)\b", re.I
)
DEARER = re.compile(r"\b(better|best|most\s+expensive|premium|high(?:er)?[\s-]end|top)\b", re.IGNORECASE)
# A comma inside "Widget Bracket, 40 mm" separates nothing: what follows must look like a new item.
BETWEEN_ITEMS = re.compile(
    rf"(?:\s*[,;]?\s+(?:and|plus|as\s+well\s+as)\s+(?:also\s+)?|\s*[,;]\s*|\s*[.!\n]+\s*)(?=(?:order\s+|get\s+)?(?:{_COUNT})\b)",
    re.IGNORECASE,
)
_FILLER = """
a about above add address again ah all also am an and another any anything are as asap at available be been best
better bit bot box bring buy buying by can carry catalog catalogue cheap cheaper cheapest check cost costs could
customer customers day dear did do does e-mail else email end expensive few find for from get give go got great had
has have hello her hey hi high him his how i i'd i'll i'm if in instead is it it's its just kind know less let like
list look looking lot made mail make many may maybe me more most much my name need needs new no not now of off
office on one ones only or order ordered ordering orders our out over pcs per piece pieces place please premium
price prices product products purchase put quick quickly recommend reorder right search sell send shall she shop
should show so some something sort stock such sure take team tell than thank thanks that that's the their them then
there these they thing things this those to today tomorrow too top units up us want wanted wants was we we'd we're
what what's when where which who why will with would x yes you your
"""
NOT_THE_PRODUCT = frozenset(_FILLER.split())

Kind = Literal["order", "status", "find", "greeting", "thanks", "about", "change", "cancel", "unclear"]
Leaning = Literal["", "cheap", "dear"]


@dataclass(frozen=True)
class Item:
    """One product that somebody wants: how many, in which words, for whom."""

    quantity: int
    words: tuple[str, ...]
    customer: str = ""
    note: str = ""
    leaning: Leaning = ""


@dataclass(frozen=True)
class Change:
    """What a text changes of an order that was talked about before. Empty fields change nothing."""

    quantity: int = 0
    customer: str = ""
    leaning: Leaning = ""
    words: tuple[str, ...] = ()
    agreed: bool = False

    def __bool__(self) -> bool:
        return self != Change()

    def of(self, item: Item) -> Item:
        """The item with this change made; other words are another product."""
        return replace(
            item,
            quantity=self.quantity or item.quantity,
            customer=self.customer or item.customer,
            leaning=self.leaning or item.leaning,
        )


@dataclass(frozen=True)
class Meaning:
    """One text, understood."""

    kind: Kind
    items: tuple[Item, ...] = ()
    order_ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    leaning: Leaning = ""
    change: Change = Change()


def plain(text: str) -> str:
    """The text as its writer saw it: without Slack's markup, mentions and the speaker's name in front."""
    text = re.sub(r"<mailto:([^|>]+)(?:\|[^>]*)?>", r"\1", text)
    text = re.sub(r"<[@!][^>]*>:?", " ", text)
    text = re.sub(r"<#[A-Z0-9]+\|?([^>]*)>", r"#\1", text)
    text = re.sub(r"<https?://[^|>]+\|([^>]*)>", r"\1", text)
    return html.unescape(re.sub(r"[ \t]+", " ", text)).replace("’", "'").strip()


def understand(text: str) -> Meaning:
    """What one text asks for, on its own."""
    text = plain(text)
    if ids := ORDER_ID.findall(text):
        return Meaning("status", order_ids=tuple(dict.fromkeys(f"ORD-{number}" for number in ids)))
    looking = bool(LOOKING.search(text)) and not re.match(r"\W*(?:please\s+)?(?:order|buy|purchase)\b", text, re.I)
    asks_where = re.search(r"\b(status|where|track|arrive|shipped|delivered)\b", text, re.I)
    if asks_where and re.search(r"\b(order|orders|delivery|parcel|package)\b", text, re.I):
        return Meaning("status")
    asking = looking and re.search(r"\?|\bin\s+stock\b", text) and not EMAIL.search(text)
    if ORDERING.search(text) and not asking and (items := _items(text)):
        return Meaning("order", items=items)
    if CANCEL.search(text):
        return Meaning("cancel")
    if ABOUT_SELF.search(text):
        return Meaning("about")
    words = product_words(text)
    if looking and words:
        return Meaning("find", words=words, leaning=_leaning(text))
    if THANKS.search(text) and not EMAIL.search(text) and len(words) <= 2:
        return Meaning("thanks")
    if GREETING.search(text) and len(words) <= 1:
        return Meaning("greeting")
    if change := understand_change(text):
        return Meaning("change", change=change, words=words)
    return Meaning("unclear", words=words)


def understand_change(text: str) -> Change:
    """What a rejection's reason or a follow-up changes. Empty when it says nothing that can be acted on."""
    text = plain(text)
    email = EMAIL.search(text)
    left = EMAIL.sub(" ", text)
    count = re.search(rf"\b(?:only|just|make\s+it|to|take|order|need|want|at\s+most|max(?:imum)?)\s+({_COUNT})\b", left, re.I)
    count = count or re.search(rf"(?<![\w-])({_COUNT})\s+(?:is|are|will|would)\s+(?:enough|do|be)", left, re.I)
    count = count or re.fullmatch(rf"\W*({_COUNT})\W*(?:please|pieces|pcs)?\W*", left, re.I)
    sku = SKU.search(left)
    leaning = _leaning(left)
    words = (sku.group().upper(),) if sku else product_words(left)
    if re.search(r"\b(no|not|wrong|too)\b", left, re.I) and not re.search(r"\binstead\b", left, re.I) and not sku:
        words = ()  # what is not wanted names no product
    return Change(
        quantity=_number(count.group(1)) if count else 0,
        customer=email.group().lower() if email else "",
        leaning=leaning,
        words=words if len(words) <= 4 else (),
        agreed=bool(YES.search(left)),
    )


def product_words(text: str) -> tuple[str, ...]:
    """The words that may name a product, in the singular; a SKU stands for itself."""
    if sku := SKU.search(text):
        return (sku.group().upper(),)
    left = QUANTITY.sub(" ", EMAIL.sub(" ", text), count=1)
    found = re.findall(r"[\w][\w'/.-]*[\w]|\w", left.lower())
    return tuple(singular(word) for word in found if word not in NOT_THE_PRODUCT and word not in NUMBERS)


def singular(word: str) -> str:
    """The word without a plural ending, by rule of thumb."""
    for ending, put in (("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ies", "y")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + put
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def same_word(one: str, other: str) -> bool:
    """Whether two words are the same but for their ending."""
    return singular(one.lower()) == singular(other.lower())


def _items(text: str) -> tuple[Item, ...]:
    note = NOTE.search(text)
    if note:
        text = text[: note.start()]
    items: list[Item] = []
    for part in BETWEEN_ITEMS.split(text):
        email = EMAIL.search(part)
        said = re.split(r"\s+(?:for|to)\s+", EMAIL.sub(" ", part) if not email else part[: email.start()])
        about = " ".join(said[:2]) if len(said) > 1 and not product_words(said[0]) else said[0]
        words = product_words(about)
        customer = email.group().lower() if email else ""
        if words:
            count = QUANTITY.search(about)
            quantity = _number(count.group(1)) if count else 1
            items.append(Item(quantity, words, customer, note.group(1).strip() if note else "", _leaning(about)))
        elif customer and items:
            items[-1] = replace(items[-1], customer=customer)
    return _with_customers(items, EMAIL.search(text))


def _with_customers(items: Iterable[Item], first: re.Match[str] | None) -> tuple[Item, ...]:
    """`3 lamps and 2 mugs for ada` names Ada for both: the next address counts, or else the last one before."""
    told: list[Item] = []
    following = ""
    for item in reversed([*items]):
        following = item.customer or following
        told.append(replace(item, customer=following))
    known = first.group().lower() if first else ""
    return tuple(replace(item, customer=item.customer or known) for item in reversed(told))


def _leaning(text: str) -> Leaning:
    if CHEAPER.search(text):
        return "cheap"
    return "dear" if DEARER.search(text) else ""


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS[word.lower()]
