"""Whole conversations with the shop assistant: what people say and decide, the calls that are made, and words of the answer.

Long because it is one table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.tool.definition import Result, failed

APPROVED = "approved"
REJECTED = "A person rejected this action; it was not run. By: <@U2>."
EXPIRED = "Nobody approved this action in time; it was not run."
UNKNOWN = "The outcome of create_order is unknown: it was started, and its result was lost. It may have happened."


AGAIN = (
    "<@U2> says of the create_order call whose outcome was unknown: run it again with the same arguments.\n"
    "It was run again. The result: "
)
ORDERED = {"order_id": "ORD-1300", "quantity": 1, "product": "Desk Lamp Arc", "customer": "ada@example.com"}
PLACED = Result(ok=True, result={**ORDERED, "total_usd": "59.00"}).text()


def because(reason: str) -> str:
    return f"{REJECTED} Their reason: {reason}"


@dataclass
class Turn:
    """What a person says, what people decide of each order, the calls that are made, and words of the answer."""

    said: str
    calls: Sequence[str] = ()
    answer: Sequence[str] = ()
    decided: Sequence[str] = ()


def searched(*queries: str) -> list[str]:
    return [f"search {query}" for query in queries]


DIALOGS: dict[str, list[Turn]] = {
    "an order": [
        Turn(
            "order 3 espresso machines for ada@example.com",
            [*searched("espresso machine"), "order 3 COF-001 ada@example.com"],
            ["Done: **3 × Espresso Machine Barista 15** for ada@example.com, $1,947.00. Order **ORD-"],
        ),
        Turn("thanks!", [], ["You're welcome!"]),
    ],
    "rejected with a number": [
        Turn(
            "order 3 espresso machines for ada@example.com",
            [*searched("espresso machine"), "order 3 COF-001 ada@example.com", "order 2 COF-001 ada@example.com"],
            ["Done: **2 × Espresso Machine Barista 15**"],
            [because("only 2"), APPROVED],
        )
    ],
    "rejected for a cheaper one": [
        Turn(
            "Could you order 3 espresso machines for ada@example.com, please?",
            [*searched("espresso machine"), "order 3 COF-001 ada@example.com", "order 3 COF-002 ada@example.com"],
            ["Done: **3 × Espresso Machine Compact**"],
            [because("the cheaper one"), APPROVED],
        )
    ],
    "rejected as too expensive until nothing is cheaper": [
        Turn(
            "order an espresso machine for ada@example.com",
            [*searched("espresso machine"), "order 1 COF-001 ada@example.com", "order 1 COF-002 ada@example.com"],
            ["**1 × Espresso Machine Compact** was rejected (“still too expensive”)", "nothing cheaper"],
            [because("too expensive"), because("still too expensive")],
        )
    ],
    "rejected for another customer": [
        Turn(
            "order a desk lamp for ada@example.com",
            [
                *searched("desk lamp"),
                "order 1 LGT-001 ada@example.com",
                "order 1 LGT-001 grace.kestrel@example.org",
            ],
            ["Done: **1 × Desk Lamp Arc** for grace.kestrel@example.org"],
            [because("wrong customer, it is for grace.kestrel@example.org"), APPROVED],
        )
    ],
    "rejected because it is not wanted": [
        Turn(
            "order a desk lamp for ada@example.com",
            [*searched("desk lamp"), "order 1 LGT-001 ada@example.com"],
            ["was rejected (“we already have them”), so nothing was ordered."],
            [because("we already have them")],
        ),
        Turn("2", [], ["I did not understand"]),
    ],
    "rejected without a reason, then told": [
        Turn(
            "order 3 espresso machines for ada@example.com",
            [*searched("espresso machine"), "order 3 COF-001 ada@example.com"],
            ["was rejected, so nothing was ordered. What should I change?"],
            [REJECTED],
        ),
        Turn(
            "the compact one",
            [*searched("COF-002"), "order 3 COF-002 ada@example.com"],
            ["was rejected, so nothing was ordered."],
            [REJECTED],
        ),
        Turn(
            "2 is enough",
            [*searched("espresso machine"), "order 2 COF-002 ada@example.com"],
            ["Done: **2 × Espresso Machine Compact**"],
        ),
    ],
    "rejected again and again": [
        Turn(
            "order 4 desk lamps for ada@example.com",
            [*searched("desk lamp"), *(f"order {n} LGT-001 ada@example.com" for n in (4, 3, 2))],
            ["several times now"],
            [because("only 3"), because("only 2"), because("only 1")],
        )
    ],
    "two orders at once, one of them rejected": [
        Turn(
            "order 2 desk lamps for ada@example.com and a floor lamp for grace.kestrel@example.org",
            [
                *searched("desk lamp", "floor lamp"),
                "order 2 LGT-001 ada@example.com",
                "order 1 LGT-006 grace.kestrel@example.org",
            ],
            ["- Done: **2 × Desk Lamp Arc** for ada", "- The order for **1 × Floor Lamp Reader** was rejected"],
            [APPROVED, REJECTED],
        ),
        Turn(
            "make it 2",
            [*searched("floor lamp"), "order 2 LGT-006 grace.kestrel@example.org"],
            ["Done: **2 × Floor Lamp Reader** for grace"],
        ),
    ],
    "one customer for two items": [
        Turn(
            "Please order 2 desk lamps and a dozen widget pros for ada@example.com",
            [*searched("desk lamp", "widget pro"), "order 2 LGT-001 ada@example.com", "order 12 WGT-001 ada@example.com"],
            ["2 × Desk Lamp Arc", "12 × Widget Pro"],
        )
    ],
    "an address counts for the items before it": [
        Turn(
            "order a desk lamp for ada@example.com, 3 widget pros and 2 widget minis for grace.kestrel@example.org",
            [
                *searched("desk lamp", "widget pro", "widget mini"),
                "order 1 LGT-001 ada@example.com",
                "order 3 WGT-001 grace.kestrel@example.org",
                "order 2 WGT-003 grace.kestrel@example.org",
            ],
            ["3 × Widget Pro** for grace.kestrel@example.org"],
        )
    ],
    "no customer": [
        Turn("hi, can you order 3 office chairs?", [], ["I can order **3 × office chair**. For which customer?"]),
        Turn(
            "<mailto:ada@example.com|ada@example.com>",
            [*searched("office chair"), "order 3 FUR-006 ada@example.com"],
            ["Done: **3 × Office Chair Task**"],
        ),
    ],
    "a customer whom the shop does not know": [
        Turn(
            "order a desk lamp for nobody@example.com",
            [*searched("desk lamp"), "order 1 LGT-001 nobody@example.com"],
            ["was not placed. No customer is registered with 'nobody@example.com'"],
        ),
        Turn("ada@example.com", [*searched("desk lamp"), "order 1 LGT-001 ada@example.com"], ["Done: **1 × Desk Lamp Arc**"]),
    ],
    "more than there is": [
        Turn("order 100 LGT-006 for ada@example.com", searched("LGT-006"), ["Only **19 × Floor Lamp Reader**", "order 19?"]),
        Turn("yes please", [*searched("LGT-006"), "order 19 LGT-006 ada@example.com"], ["Done: **19 × Floor Lamp Reader**"]),
    ],
    "out of stock": [
        Turn("order an evacuation chair for ada@example.com", searched("evacuation chair"), ["is out of stock", "instead:"])
    ],
    "nothing of the kind": [
        Turn("order a unicorn lamp for ada@example.com", searched("unicorn lamp"), ["found no “unicorn lamp”", "`LGT-"]),
        Turn("the Arc", [*searched("LGT-001"), "order 1 LGT-001 ada@example.com"], ["Done: **1 × Desk Lamp Arc**"]),
    ],
    "not approved in time": [
        Turn(
            "order a desk lamp for ada@example.com",
            [*searched("desk lamp"), "order 1 LGT-001 ada@example.com"],
            ["Nobody approved the order for **1 × Desk Lamp Arc** in time"],
            [EXPIRED],
        )
    ],
    "nobody knows what happened": [
        Turn(
            "order a desk lamp for ada@example.com",
            [*searched("desk lamp"), "order 1 LGT-001 ada@example.com"],
            ["is unknown", "I do not try again"],
            [UNKNOWN],
        ),
        Turn(
            "<@U2> says of the create_order call whose outcome was unknown: it did happen; do not run it again.",
            [],
            ["the order did go through"],
        ),
    ],
    "run again after nobody knew": [
        Turn(
            "order a desk lamp for ada@example.com",
            [*searched("desk lamp"), "order 1 LGT-001 ada@example.com"],
            ["is unknown"],
            [UNKNOWN],
        ),
        Turn(f"{AGAIN}{PLACED}", [], ["It went through now: **1 × Desk Lamp Arc** for ada@example.com, $59.00."]),
        Turn(f"{AGAIN}{failed('not_found', 'No product has that SKU.').text()}", [], ["not placed: No product has"]),
        Turn(f"{AGAIN}{failed('unexpected', UNKNOWN).text()}", [], ["the outcome is unknown once more"]),
        Turn("<@U2> pressed Stop.", [], ["Stopped."]),
    ],
    "a list, and an order from it": [
        Turn(
            "find me a desk lamp",
            searched("desk lamp"),
            ["- **Desk Lamp Arc** (`LGT-001`): $59.00, 62 in stock", "- **Desk Lamp Mini** (`LGT-003`): $29.00"],
        ),
        Turn("order 2 of the second for ada@example.com", [*searched("LGT-002"), "order 2 LGT-002 ada@example.com"], ["Focus"]),
        Turn("and the cheapest desk lamp?", searched("desk lamp"), ["Here is what we have"]),
    ],
    "stock and prices": [
        Turn("do you have office chairs in stock?", searched("office chair"), ["Office Chair Ergo", "25 in stock"]),
        Turn("what does the widget pro cost?", searched("widget pro"), ["- **Widget Pro** (`WGT-001`): $49.00"]),
        Turn("do you sell unobtainium?", searched("unobtainium"), ["I found nothing for “unobtainium”"]),
    ],
    "the status of orders": [
        Turn("what is the status of order ORD-1042?", ["status ORD-1042"], ["Order **ORD-1042** is **"]),
        Turn("and ord-1043 and ORD-9999?", ["status ORD-1043", "status ORD-9999"], ["**ORD-1043** is", "no order 'ORD-9999'"]),
        Turn("where is my order?", [], ["Which order do you mean?"]),
    ],
    "an order and a status in one message": [
        Turn(
            "order 1 Widget Mini for ada@example.com and tell me the status of ORD-1042",
            ["status ORD-1042", *searched("widget mini"), "order 1 WGT-003 ada@example.com"],
            ["Order **ORD-1042** is **", "Done: **1 × Widget Mini**"],
        ),
        Turn(
            "What is the status of ORD-1042? And please order 2 desk lamps and a floor lamp for ada@example.com.",
            [
                "status ORD-1042",
                *searched("desk lamp", "floor lamp"),
                "order 2 LGT-001 ada@example.com",
                "order 1 LGT-006 ada@example.com",
            ],
            ["Order **ORD-1042** is **", "Done: **2 × Desk Lamp Arc**", "Done: **1 × Floor Lamp Reader**"],
        ),
        Turn("find me a desk lamp and look ORD-1042 up", ["status ORD-1042", *searched("desk lamp")], ["**ORD-1042** is", "Arc"]),
        Turn("cancel ORD-1042", ["status ORD-1042"], ["**ORD-1042** is", "I cannot cancel or change an order"]),
    ],
    "more of what was ordered": [
        Turn(
            "order 1 Widget Mini for ada@example.com",
            [*searched("widget mini"), "order 1 WGT-003 ada@example.com"],
            ["Done: **1"],
        ),
        Turn(
            "make that two",
            [*searched("WGT-003"), "order 1 WGT-003 ada@example.com"],
            ["has 1 already, so I order 1 more", "Done: **1 × Widget Mini**"],
        ),
        Turn("make that 1", [], ["has 1 already"]),
        Turn("one more please", [*searched("WGT-003"), "order 1 WGT-003 ada@example.com"], ["Done: **1 × Widget Mini**"]),
        Turn(
            "the same again for grace.kestrel@example.org",
            [*searched("WGT-003"), "order 1 WGT-003 grace.kestrel@example.org"],
            ["Done: **1 × Widget Mini** for grace"],
        ),
        Turn("make it 0", [], ["I am a script"]),
    ],
    "made two before it was placed": [
        Turn("order Widget Mini", [], ["For which customer?"]),
        Turn("make that two", [], ["I can order **2 × widget mini**"]),
        Turn("ada@example.com", [*searched("widget mini"), "order 2 WGT-003 ada@example.com"], ["Done: **2 × Widget Mini**"]),
    ],
    "again without an order": [Turn("again please", [], ["Nothing was ordered here before"])],
    "going on": [
        Turn("Please continue.", [], ["nothing that I left off", "Try:"]),
        Turn("find me a desk lamp", searched("desk lamp"), ["Arc"]),
        Turn("Please continue.", searched("desk lamp"), ["Arc"]),
        Turn(
            "order 2 desk lamps for ada@example.com",
            [*searched("desk lamp"), "order 2 LGT-001 ada@example.com"],
            ["Nobody approved"],
            [EXPIRED],
        ),
        Turn("go on", [*searched("desk lamp"), "order 2 LGT-001 ada@example.com"], ["Done: **2 × Desk Lamp Arc**"]),
    ],
    "slips of the finger": [
        Turn("ordr 2 desk lamps for ada@example.com", [*searched("desk lamp"), "order 2 LGT-001 ada@example.com"], ["Done: **2"]),
        Turn(
            "pleas oder a floor lamp for ada@example.com", [*searched("floor lamp"), "order 1 LGT-006 ada@example.com"], ["Done"]
        ),
        Turn("staus of ord-1042", ["status ORD-1042"], ["**ORD-1042** is"]),
        Turn("fnid me a desk lamp", searched("desk lamp"), ["Arc"]),
        Turn("thnaks!", [], ["You're welcome!"]),
    ],
    "a product by its name alone": [
        Turn("floor lamps", searched("floor lamp"), ["Here is what we have", "Floor Lamp Reader"]),
        Turn("flux capacitor", searched("flux capacitor"), ["found nothing of that name", "I am a script"]),
    ],
    "a page that nobody can read here": [Turn("read https://docs.example.com/start", [], ["I read no web pages here"])],
    "a note for the driver": [
        Turn(
            'order 3 x LGT-001 for ada@example.com with the note "leave at the door"',
            [*searched("LGT-001"), "order 3 LGT-001 ada@example.com leave at the door"],
            ["Done: **3 × Desk Lamp Arc**"],
        )
    ],
    "small talk": [
        Turn("Hello!", [], ["Hello!"]),
        Turn("what can you do?", [], ["find products", "place an order"]),
        Turn("what's the weather like?", [], ["I am a script in this demo"]),
        Turn("order something nice for ada@example.com", [], ["Which product"]),
        Turn("never mind", [], ["I leave it at that"]),
    ],
}
