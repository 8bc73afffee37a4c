"""Made-up personal data and secrets, different ones for each way in, and the search for what is left of them in what comes out.

No key that looks live stands here: each is put together when it is asked for, by lot, and the same way has the same ones always.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from urllib.parse import quote

from tests.masking.planted import BASE62, grouped, iban, with_check

LONG = 24  # characters: of what is longer, a part tells as much as the whole


@cache
def planted(way: str) -> Mapping[str, str]:
    """One value of each kind for a way in, such as "file name"."""
    lot = Random(way)

    def drawn(count: int, alphabet: str = BASE62) -> str:
        return "".join(lot.choices(alphabet, k=count - 1)) + "7"

    def number(count: int) -> str:
        return str(lot.randint(10 ** (count - 1), 10**count - 1))

    return {
        "email": f"{drawn(6, ascii_lowercase)}.{drawn(5, ascii_lowercase)}@example.com",
        "card": grouped(with_check(f"4{number(14)}"), " "),
        "iban": grouped(iban("DE", number(18)), " "),
        "phone": f"+1 {lot.randint(201, 989)} {lot.randint(200, 999)} {number(4)}",
        "ssn": f"{lot.randint(100, 660)}-{lot.randint(10, 99)}-{number(4)}",
        "ip": ".".join(str(lot.randint(11, 120)) for _ in range(4)),
        "aws": "AK" + f"IA{drawn(16, ascii_uppercase + '234567')}",
        "github": "gh" + f"p_{drawn(36)}",
        "slack": "xo" + f"xb-{number(12)}-{number(12)}-{drawn(24)}",
        "anthropic": "sk-" + f"ant-api03-{drawn(93)}AA",
        "jwt": "ey" + f"JhbGciOiJIUzI1NiJ9.eyJ{drawn(40)}.{drawn(43)}",
        "private key": f"-----BEGIN {'PRIVATE'} KEY-----\n{drawn(64)}\n{drawn(64)}\n-----END {'PRIVATE'} KEY-----",
    }


def told(way: str, *kinds: str) -> str:
    """A text with all of them, or with those of some kinds."""
    return " | ".join(value for kind, value in planted(way).items() if not kinds or kind in kinds)


def forms(value: str) -> Iterable[str]:
    """How a value may come out: as it is, without what only groups it, in a URL, in JSON and in JSON within JSON, in base64, and
    of what is long its last lines or characters."""
    yield from (value, within_json(value), within_json(within_json(value)))
    yield from (quote(value), quote(value, safe=""), b64encode(value.encode()).decode())
    if set(value) <= {*digits, *ascii_uppercase, *" -+"}:
        yield "".join(each for each in value if each.isalnum())
    if len(value) > LONG:
        yield from (line[-LONG // 2 :] for line in value.splitlines() if "PRIVATE" not in line)


def left_in(texts: Mapping[str, str], ways: Iterable[str]) -> list[str]:
    """What of these ways' values stands in the texts, which are named: by output, way and kind; the values are not repeated."""
    return [
        f"{output}: {kind} of {way}"
        for output, text in texts.items()
        for way in ways
        for kind, value in planted(way).items()
        if any(form in text for form in forms(value))
    ]


def missing_in(text: str, ways: Iterable[str]) -> list[str]:
    """What of these ways' values does not stand whole in a text: as it is, in JSON, or in JSON within JSON."""
    return [
        f"{kind} of {way}"
        for way in ways
        for kind, value in planted(way).items()
        if not any(spelling in text for spelling in (value, within_json(value), within_json(within_json(value))))
    ]


def within_json(text: str) -> str:
    """How JSON spells a text between its quotes."""
    return json.dumps(text)[1:-1]
