"""Numbers of cards and of bank accounts, by their length, who issues them, and their check digits.

Presidio's recognisers take no cards of 12, 13 or 19 digits, and lose an account's number that words in capitals follow.
"""

import re
from collections.abc import Iterator, Sequence

from agent.masking.recogniser import Places

# Digits of what issuers give out: the beginning, and how many (ISO/IEC 7812 and the networks' own tables).
_ISSUED: tuple[tuple[re.Pattern[str], range], ...] = (
    (re.compile(r"4"), range(13, 20, 3)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), range(16, 17)),  # Mastercard
    (re.compile(r"3[47]"), range(15, 16)),  # American Express
    (re.compile(r"30[0-5]|3[689]"), range(14, 20)),  # Diners Club
    (re.compile(r"2131|1800"), range(15, 16)),  # JCB
    (re.compile(r"352[89]|35[3-8]"), range(16, 20)),  # JCB
    (re.compile(r"50|5[6-8]|6"), range(12, 20)),  # Maestro, Discover, UnionPay
)
CARD_DIGITS = range(12, 20)
_RUN = re.compile(r"(?<![\d.])\d(?:[ -]{0,3}\d){11,}")
_GROUP = re.compile(r"\d+")

# Characters of an account's number, by country (SWIFT, IBAN registry).
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        ("15", "NO"),
        ("16", "BE"),
        ("18", "DK FI FO GL NL SD"),
        ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU XK"),
        ("21", "CH HR LI LV"),
        ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL IQ OM SO TL"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG"),
        ("25", "LY PT ST"),
        ("26", "IS TR"),
        ("27", "BI DJ FR GR IT MC MR SM"),
        ("28", "AL AZ BY CY DO GT HU LB NI PL SV"),
        ("29", "BR EG PS QA UA"),
        ("30", "JO KW MU"),
        ("31", "MT SC"),
        ("32", "LC"),
        ("33", "RU"),
    )
    for country in countries.split()
}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d[ -]?\d(?:[ -]?[A-Za-z0-9]){11,30}")
_SIGN = re.compile(r"[A-Za-z0-9]")


def card_numbers(text: str) -> Places:
    """Yield where numbers of cards stand, whatever digits stand before or behind them."""
    for run in _RUN.finditer(text):
        at = 0
        for start, end in _windows([group.span() for group in _GROUP.finditer(text, *run.span())], text):
            if start >= at and card_is_valid(text[start:end]):
                yield start, end
                at = end


def _windows(groups: Sequence[tuple[int, int]], text: str) -> Iterator[tuple[int, int]]:
    """Yield what could be a number, from left to right, the longest first: one group of digits, or some of three and more."""
    for first, (start, _) in enumerate(groups):
        digits, ends = 0, list[int]()
        for group_start, end in groups[first:]:
            digits += end - group_start
            if digits >= CARD_DIGITS.stop or end - group_start < 3:
                break
            if digits in CARD_DIGITS:
                ends.append(end)
        yield from ((start, end) for end in reversed(ends))


def card_is_valid(text: str) -> bool:
    """Return whether digits, with whatever stands between them, are a card's number: issuer, length, and Luhn's check."""
    number = "".join(filter(str.isdigit, text))
    if not any(len(number) in lengths and beginning.match(number) for beginning, lengths in _ISSUED):
        return False
    digits = [int(each) for each in number]
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def ibans(text: str) -> Places:
    """Yield where numbers of bank accounts stand, in capitals or not, whatever follows them."""
    for candidate in _IBAN.finditer(text):
        signs = [sign.start() for sign in _SIGN.finditer(text, *candidate.span())]
        length = IBAN_LENGTHS.get(text[signs[0]].upper() + text[signs[1]].upper(), 0)
        if 0 < length <= len(signs) and iban_is_valid("".join(text[at] for at in signs[:length])):
            yield candidate.start(), signs[length - 1] + 1


def iban_is_valid(text: str) -> bool:
    """Return whether letters and digits pass the check of ISO 7064, mod 97-10."""
    return int("".join(str(int(each, 36)) for each in text[4:] + text[:4])) % 97 == 1
