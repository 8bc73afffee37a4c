"""Untrusted text, made harmless: nothing in it is live, reordered or hidden once it stands in Slack."""

import re
import unicodedata

# Characters that reorder or hide what follows (Trojan Source, CVE-2021-42574): all of Unicode's format characters, controls
# but for line feed and tab, separators that look like a line's end, variation selectors, and fillers that are drawn as nothing.
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Cc", "Cs", "Co", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
_KEPT = frozenset("\n\t")


def visible(text: str) -> str:
    """The text with every invisible or reordering character spelled out, as in `⟨U+202E⟩`."""
    return "".join(_spelled(character) if _hidden(character) else character for character in text)


def _hidden(character: str) -> bool:
    if character in _KEPT:
        return False
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return selector or character in _BLANK or unicodedata.category(character) in _INVISIBLE_CATEGORIES


def _spelled(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def escaped(text: str) -> str:
    """For a place where Slack parses mrkdwn: its three control characters escaped, so that no mention or link is live."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, characters: int) -> str:
    """At most `characters` of the text, the cut marked."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


_MASS_MENTION = re.compile(r"<(?=!(?:channel|here|everyone|subteam))")


def unmassed(markdown: str) -> str:
    """The model's Markdown without mentions of many people: a text that it read must not make it ring a whole channel."""
    return _MASS_MENTION.sub("&lt;", markdown)
