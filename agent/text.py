"""Text as it goes in and out: half characters mended, people named, and what Unicode says is drawn as nothing."""

import re
import unicodedata
from typing import Any

# Default_Ignorable_Code_Point is derived (Unicode 16.0, DerivedCoreProperties.txt): Other_Default_Ignorable_Code_Point and
# Variation_Selector (both PropList.txt), and every format character (Cf) but those that are seen. Python knows the category
# alone, so the lists stand here; they hold unassigned code points too, which are ignorable before they are assigned.
OTHER_DEFAULT_IGNORABLE = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x2065, 0x2065), (0x3164, 0x3164), (0xFFA0, 0xFFA0)),
    *((0xFFF0, 0xFFF8), (0xE0000, 0xE0000), (0xE0002, 0xE001F), (0xE0080, 0xE00FF), (0xE01F0, 0xE0FFF)),
)
VARIATION_SELECTORS = ((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# Interlinear annotations, Egyptian hieroglyph controls, and marks that enclose what follows: the format characters that are seen.
SEEN_FORMATS = (
    *((0x0600, 0x0605), (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0xFFF9, 0xFFFB)),
    *((0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x13440)),
)
# Assigned as format characters by Unicode 16.0, in case this Python's tables are older.
LATER_FORMATS = ((0x180E, 0x180E), (0xE0001, 0xE0001), (0xE0020, 0xE007F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A))


def _one_of(*ranges: tuple[int, int]) -> re.Pattern[str]:
    return re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]")


_LISTED = _one_of(*OTHER_DEFAULT_IGNORABLE, *VARIATION_SELECTORS, *LATER_FORMATS)
_SEEN = _one_of(*SEEN_FORMATS)


def default_ignorable(character: str) -> bool:
    """Return whether the character has Unicode's property Default_Ignorable_Code_Point: it is drawn as nothing."""
    if character < "\xad":
        return False
    if unicodedata.category(character) == "Cf":
        return _SEEN.match(character) is None
    return _LISTED.match(character) is not None


def mention(user: str) -> str:
    """Return how sentences name a person: by id, which the surface shows as their name. It is Slack's own spelling."""
    return f"<@{user}>"


def cut_end(text: str, most: int) -> str:
    """Return at most so many characters of the text, the cut marked."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


_CODE = re.compile(r"[a-z][a-z_]{0,79}")


def code_word(said: object, otherwise: str) -> str:
    """Return a code that somebody else's server gives, such as `not_in_channel`: small letters and underscores.

    What a gateway gives in its place may be anybody's data, and codes go into logs and traces: then it is `otherwise`.
    """
    return said if isinstance(said, str) and _CODE.fullmatch(said) else otherwise


def whole(value: Any) -> Any:
    """Return the same JSON value with the halves of a pair joined, and what is left of others replaced by U+FFFD.

    Text from outside may hold half a character: one code unit of a UTF-16 pair, which JSON can spell and UTF-8 cannot.
    """
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return value
        case dict():
            return {whole(key): whole(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [whole(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_JSON_ESCAPE = re.compile(rf"(?P<whole>{_HIGH}{_LOW})|(?P<half>{_HIGH}|{_LOW})|\\u[0-9a-fA-F]{{4}}|\\[^u]", re.DOTALL)


def whole_escapes(json_text: str) -> str:
    """Return JSON with half characters replaced: parsers refuse `"\\ud83d"` though JSON can spell it."""
    return str(whole(_JSON_ESCAPE.sub(lambda found: r"\ufffd" if found["half"] else found[0], json_text)))


_NAME_PARTS = re.compile(r"_+|-+|(?<=[a-z])(?=[A-Z])")


def tool_in_words(name: str) -> str:
    """Return a tool's name as people read it: "Create order", and of one of an MCP server "Create issue (tickets)"."""
    server, _, own = name.rpartition("__")
    words = " ".join(part.lower() for part in _NAME_PARTS.split(own) if part).capitalize() or name
    return f"{words} ({server})" if server else words
