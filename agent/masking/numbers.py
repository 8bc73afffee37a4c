"""Addresses and numbers that Presidio finds too seldom or not at all, each with its reason. The patterns take linear time."""

import re
from collections.abc import Iterable

from agent.masking.cards import card_numbers, ibans
from agent.masking.recogniser import Places, Recogniser, by_pattern

# Seven digits with at most three other characters of a number between them: no phone number, card or id has fewer.
SEVEN_DIGITS = r"\d(?:[ \-./():]{0,3}\d){6}"
_WORDS = (
    r"phone|telephone|tel|mobile|cell|fax|desk|office|whatsapp|sms|hotline|extension|contact number|(?:my|his|her|their) number|"
    r"call(?:ed|ing)?(?: \w+){0,2} (?:on|at|under)|ring(?: \w+)? (?:on|at)|reach(?:ed)?(?: \w+){0,2} (?:on|at|under)|"
    r"answer(?:s|ed|ing)? (?:on|at)|texts? (?:me|us|him|her|them)(?: on| at)?"
)
_PHONE_NUMBER = r"\+?\(?\d(?:[ \-./()]{0,2}\d){6,14}(?: ?(?:x|ext\.? ?)\d{1,6})?"
# (hint, pattern). Numbers without a word beside them are taken where they look like nothing else.
_PHONES = (
    r"(?<![\d+])(\+\d(?:[ \-./()]{0,2}\d){6,14}(?: ?(?:x|ext\.? ?)\d{1,6})?)(?!\d)",  # +46 (0)8 928 571 38
    r"(?<![\d.])(00[1-9](?:[ \-./()]{0,2}\d){7,13}(?:x\d{1,6})?)(?!\d)",  # 001-518-640-0854
    r"(?<![\d.\-])(\(?\d{3}\)?[ \-.]?\d{3}[ \-.]\d{4}(?: ?(?:x|ext\.? ?)\d{1,6})?)(?!\d)",  # (579)888-3058
    r"(?<![\d.\-])(\(?0[1-9]\d{0,3}\)?(?:[ \-./]\d{2,7}){1,4})(?![\d\-])",  # 0490 75 40 81
    r"(?<![\d.\-])(\(\d{2,4}\) ?\d{3,4}[ \-]\d{3,4})(?!\d)",  # (71) 4233-6306
    rf"(?i)\b(?:{_WORDS})\b[^\d\w+(]{{0,12}}(?:number |is |no\.? ?)?[^\d\w+(]{{0,6}}({_PHONE_NUMBER})(?!\d)",  # Desk: 5403926876
    rf"(?i)(?<![\d.])({_PHONE_NUMBER})[ \-(,]{{1,3}}(?:office|fax|mobile|cell|home|work|desk)\b",  # 28-64-66-98 office
)
_PHONE = tuple(re.compile(pattern) for pattern in _PHONES)
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{4}|\d{4}([./-])\d{1,2}\2\d{1,2}")


def _phones(text: str) -> Places:
    for pattern in _PHONE:
        for match in pattern.finditer(text):
            if sum(map(str.isdigit, match[1])) >= 7 and not _DATE.match(match[1]):
                yield match.span(1)


def number_recognisers() -> Iterable[Recogniser]:
    """Yield those of this file."""
    # Presidio asks a list of public suffixes, from the network, whether a domain exists: ann@corp.internal would stay.
    local, domain = r"[^\s@<>()\[\]{},;:\"'`|\\=&?/%]", r"[^\W_](?:[\w-]{0,61}[^\W_])?"
    yield by_pattern("EMAIL", "@", rf"({local}{{1,64}}@{domain}(?:\.{domain})+)")
    yield Recogniser("CARD", re.compile(SEVEN_DIGITS), card_numbers)
    yield Recogniser("IBAN", re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d"), ibans)
    yield Recogniser("PHONE", re.compile(SEVEN_DIGITS), _phones)
    # Presidio's takes everything with a dot and a suffix, as in main.py; here a domain is where an address says so.
    yield by_pattern(
        "DOMAIN",
        r"(?i)https?:|www\.",
        rf"(?i)((?:https?://(?:[^\s/@]*@)?|\bwww\.){domain}(?:\.{domain})*(?::\d+)?(?:/(?![^\s.,;:!?)\]}}>\"'|]))?)",
    )
