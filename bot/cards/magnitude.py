"""How much a call moves or touches, as people read it: an amount of money, or a count of something."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from agent.types import Magnitude
from bot.cards.harmless_text import visible

SIGNS: Mapping[str, str] = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}


def magnitude_in_words(magnitude: Magnitude) -> str:
    """Return it with all its digits: "$588.00", "588.00 CHF", "3 rows"."""
    number, of = f"{magnitude.number:,f}", visible(magnitude.of)
    if of in SIGNS:
        return f"-{SIGNS[of]}{number[1:]}" if number.startswith("-") else f"{SIGNS[of]}{number}"
    return f"{number} {of.removesuffix('s') if magnitude.number == 1 and of.islower() else of}"


def short_magnitude(magnitude: Magnitude) -> str:
    """Return it as a button has room for: without a fraction that is nothing."""
    whole = magnitude.number.to_integral_value()
    return magnitude_in_words(magnitude.model_copy(update={"number": whole}) if whole == magnitude.number else magnitude)


def total(magnitudes: Iterable[Magnitude | None]) -> Magnitude | None:
    """Return the sum of what is of one kind; None where there are none, or of several kinds, or where one is missing."""
    found = tuple(magnitudes)
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found) or len({one.of for one in known}) > 1:
        return None
    return Magnitude(number=sum((one.number for one in known), Decimal(0)), of=known[0].of)
