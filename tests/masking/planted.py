"""What is planted in texts: made-up values of each kind, valid as real ones are, and the texts and JSON that they stand in."""

import json
import string
from collections.abc import Callable
from random import Random
from urllib.parse import quote

from hypothesis import strategies as st

from agent.masking.cards import IBAN_LENGTHS, card_is_valid

BASE62 = string.ascii_letters + string.digits
HOST = st.sampled_from(["example.com", "corp.internal", "mail.example.co.uk", "xn--bcher-kva.example"])


def digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=least, max_size=most or least)


def drawn(least: int, most: int | None = None, alphabet: str = BASE62) -> st.SearchStrategy[str]:
    """Characters as a key has them: drawn by lot, so not one of them over and over, and a digit among them."""
    made = st.tuples(st.integers(least, most or least), st.integers(0, 2**64))
    return made.map(lambda one: "".join(Random(one[1]).choices(alphabet, k=one[0] - 1)) + "7")


def with_check(number: str) -> str:
    """Return a card's number with its last digit as Luhn's check wants it."""
    return next(whole for each in string.digits if card_is_valid(whole := number + each))


def grouped(number: str, sign: str) -> str:
    """Return it in groups of four."""
    return sign.join(number[at : at + 4] for at in range(0, len(number), 4))


def iban(country: str, account: str) -> str:
    """Return a number with its check digits."""
    rest = account[: IBAN_LENGTHS[country] - 4]
    check = 98 - int("".join(str(int(each, 36)) for each in f"{rest}{country}00")) % 97
    return f"{country}{check:02}{rest}"


EMAILS = st.builds("{}@{}".format, st.from_regex(r"[a-z][a-z0-9]{0,8}([._+-][a-z0-9]{1,8})?", fullmatch=True), HOST)
CARDS = st.tuples(st.sampled_from(["4", "51", "2221", "6011"]), digits(20), st.sampled_from(["", " ", "-", "\u00a0"])).map(
    lambda made: grouped(with_check((made[0] + made[1])[:15]), made[2])
)
IBANS = st.tuples(
    st.sampled_from(sorted(IBAN_LENGTHS)),
    st.text(string.digits + string.ascii_uppercase, min_size=30, max_size=30),
    st.sampled_from(["", " "]),
).map(lambda made: grouped(iban(made[0], made[1]), made[2]))
SSNS = st.tuples(st.integers(1, 665), st.integers(1, 99), st.integers(1, 9999)).map(lambda n: f"{n[0]:03}-{n[1]:02}-{n[2]:04}")
PHONES = st.one_of(
    st.tuples(st.sampled_from(["+1", "+44", "+49", "+91"]), digits(3), digits(4)).map(lambda n: f"{n[0]} {n[1]} {n[2]} {n[1]}"),
    st.tuples(st.integers(201, 989), st.integers(200, 999), digits(4)).map(lambda n: f"({n[0]}) {n[1]}-{n[2]}"),
    st.tuples(st.integers(201, 989), st.integers(200, 999), digits(4)).map(lambda n: f"{n[0]}-{n[1]}-{n[2]}"),
)
IPS = st.one_of(
    st.ip_addresses(v=4).filter(lambda ip: not ip.is_loopback and not ip.is_unspecified).map(str),
    st.lists(st.integers(0x1000, 0xFFFF), min_size=8, max_size=8).map(lambda parts: ":".join(f"{each:x}" for each in parts)),
)
NOT_SAMPLES = {"078-05-1120", "123-45-6789", "219-09-9999"}  # numbers that were given to nobody, and that Presidio knows
PEM = st.tuples(
    st.sampled_from(["", "RSA ", "EC ", "OPENSSH "]),
    st.lists(drawn(64, alphabet=f"{BASE62}+/"), min_size=1, max_size=3).map("\n".join),
).map(lambda made: f"-----BEGIN {made[0]}PRIVATE KEY-----\n{made[1]}\n-----END {made[0]}PRIVATE KEY-----")
WORD = f"{BASE62}_-"
KINDS: dict[str, st.SearchStrategy[str]] = {
    "EMAIL": EMAILS,
    "CARD": CARDS,
    "IBAN": IBANS,
    "SSN": SSNS.filter(lambda ssn: ssn not in NOT_SAMPLES and ssn[:3] != "666" and len(set(ssn) - {"-"}) > 1),
    "PHONE": PHONES,
    "IP": IPS,
    "CRYPTO": st.sampled_from(["1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"]),
    "SLACK": st.one_of(
        st.builds("xox{}-{}-{}-{}".format, st.sampled_from("abprs"), digits(11, 13), digits(11, 13), drawn(24)),
        st.builds("xapp-1-A{}-{}-{}".format, drawn(10, alphabet=string.ascii_uppercase), digits(13), drawn(64)),
        st.builds("https://hooks.slack.com/services/T{}/B{}/{}".format, digits(9), digits(9), drawn(24)),
    ),
    "ANTHROPIC": st.builds("sk-ant-api03-{}AA".format, drawn(93, alphabet=WORD)),
    "AWS": st.builds("{}{}".format, st.sampled_from(["AKIA", "ASIA"]), drawn(16, alphabet=f"{string.ascii_uppercase}234567")),
    "GITHUB": st.one_of(
        st.builds("gh{}_{}".format, st.sampled_from("pousr"), drawn(36)),
        st.builds("github_pat_{}_{}".format, drawn(22), drawn(59)),
    ),
    "GOOGLE": st.builds("AIza{}".format, drawn(35, alphabet=WORD)),
    "JWT": st.builds("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}".format, drawn(40, alphabet=BASE62), drawn(43, alphabet=BASE62)),
    "PRIVATE KEY": PEM,
    "DRAWN": drawn(32, 48),
    "PASSWORD": st.builds("password: {}".format, st.text(f"{BASE62}#$%&+_", min_size=8, max_size=16)),
}
WORDS = st.lists(
    st.sampled_from(
        [
            *(["order", "the", "lamps", "for", "desk", "seven;", "is", "it", "done?"]),
            *(["(see", "below)", "ANN", "SAYS", "SO,", "ok:", "2", "of", "3", "été", "—"]),
        ]
    ),
    max_size=8,
).map(" ".join)
# How a value may stand in a text.
PLACES: dict[str, Callable[[str], str]] = {
    "plain": lambda value: f" {value} ",
    "at the end of a sentence": lambda value: f" {value}.",
    "in a list": lambda value: f" a,{value},b ",
    "in brackets": lambda value: f"({value})",
    "in quotes": lambda value: f"'{value}'",
    "as code": lambda value: f"`{value}`",
    "in a fence": lambda value: f"\n```\n{value}\n```\n",
    "on a line alone": lambda value: f"\r\n{value}\r\n",
    "behind a tab": lambda value: f"\t{value}\t",
    "behind a name": lambda value: f" value={value};",
    "in a link of Slack": lambda value: f"<{value}|here>",
    "in JSON": lambda value: json.dumps({"value": f"x\n{value}\n"}),
    "in a URL": lambda value: f" https://shop.example/orders?of={quote(value, safe='')}&n=1 ",
}
