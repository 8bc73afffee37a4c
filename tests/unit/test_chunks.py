"""Documents cut into chunks: nothing is lost, none is long or blank, and each knows its headings and its anchor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.memory.chunks import MOST_CHARACTERS, PATH_CHARACTERS, Chunk, DocumentSection, chunks, markdown_sections
from agent.memory.recalled import ITEM_CHARACTERS
from tests.profiles import examples
from tools.document_text import read_document, table_text
from tools.page_text import html_sections

LINES = st.sampled_from(
    [
        "# A",
        "## B",
        "### B",
        "#",
        "# A #",
        "Title",
        "=====",
        "-----",
        "---",
        "```",
        "~~~~",
        "- item",
        "",
        " ",
        "text. More",
        "é",
        "x" * 700,
    ]
)
MARKDOWN = st.lists(LINES | st.text(max_size=40), max_size=40).map("\n".join)


def squeezed(text: str) -> str:
    """Return a text without blank space."""
    return "".join(text.split())


@examples(3)
@given(text=MARKDOWN | st.text())
def test_nothing_of_a_document_is_lost_and_no_chunk_is_blank_or_long(text: str) -> None:
    sections = markdown_sections(text)
    assert "".join(section.text for section in sections).strip() == text.strip()
    found = chunks(sections)
    assert squeezed("".join(chunk.text for chunk in found)) == squeezed(text)
    for chunk in found:
        assert chunk.text.strip() == chunk.text != ""
        assert len(chunk.text) <= MOST_CHARACTERS


@examples(1)
@given(
    words=st.lists(st.text("abc.", min_size=1, max_size=MOST_CHARACTERS), max_size=60),
    space=st.sampled_from(" \n\t"),
)
def test_no_word_is_cut_that_fits_into_a_chunk(words: list[str], space: str) -> None:
    found = chunks([DocumentSection(space.join(words))])
    assert [word for chunk in found for word in chunk.text.split()] == words


@given(headings=st.lists(st.text(max_size=200), max_size=4), text=st.text(min_size=1, max_size=MOST_CHARACTERS))
def test_a_chunk_is_quoted_whole_with_its_headings(headings: list[str], text: str) -> None:
    told = Chunk(text, tuple(headings)).told
    assert told.endswith(text)
    assert len(told) <= MOST_CHARACTERS + PATH_CHARACTERS + 1 <= ITEM_CHARACTERS


def test_a_chunk_ends_with_a_paragraph_or_else_a_line_or_a_sentence() -> None:
    paragraph, sentence = "a " * 150, "b " * 120
    assert [each.text for each in chunks([DocumentSection(f"{paragraph}\n\n{sentence}")])] == [
        paragraph.strip(),
        sentence.strip(),
    ]
    assert [each.text for each in chunks([DocumentSection(f"{paragraph}\n{sentence}")])] == [paragraph.strip(), sentence.strip()]
    assert [each.text for each in chunks([DocumentSection(f"{paragraph}end. {sentence}")])] == [
        f"{paragraph}end.",
        sentence.strip(),
    ]


def outline(text: str) -> list[tuple[str, tuple[str, ...], str]]:
    """Return first line, headings above and anchor of each section."""
    return [(each.text.strip().splitlines()[0], each.above, each.anchor) for each in markdown_sections(text)]


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        (
            "intro\n# A\none\n## B\ntwo\n# C\n3",
            [("intro", (), ""), ("# A", (), "a"), ("## B", ("A",), "b"), ("# C", (), "c")],
        ),
        ("# A\n\n## B\ntwo", [("# A", (), "a")]),  # a heading with nothing below it stands with what follows
        ("# A\n# B\ntwo", [("# A", (), "a"), ("# B", (), "b")]),
        ("# A\n## B\n# C", [("# A", (), "a"), ("# C", (), "c")]),
        ("## B\none\n## B\ntwo", [("## B", (), "b"), ("## B", (), "b-1")]),  # as GitHub numbers them
        ("Title\n===\none\n\nBelow\n---\ntwo", [("Title", (), "title"), ("Below", ("Title",), "below")]),
        ("---\ntitle: x\n---\n# A\none", [("---", (), ""), ("# A", (), "a")]),
        ("---\n# A\none", [("---", (), ""), ("# A", (), "a")]),
        ("```\n# no\n```\n# A\none", [("```", (), ""), ("# A", (), "a")]),
        ("````\n```\n# no\n````\n# A\none", [("````", (), ""), ("# A", (), "a")]),
        ("# What's *new*, C++? #\none", [("# What's *new*, C++? #", (), "whats-new-c")]),
        ("#no\n####### no", [("#no", (), "")]),
        ("- item\n---\nx", [("- item", (), "")]),
        ("# A\none\n### C\ntwo\n## B\nthree", [("# A", (), "a"), ("### C", ("A",), "c"), ("## B", ("A",), "b")]),
    ],
)
def test_a_document_is_cut_at_its_headings(text: str, sections: list[tuple[str, tuple[str, ...], str]]) -> None:
    assert outline(text) == sections


def test_a_later_chunk_of_a_section_says_its_own_heading_too() -> None:
    first, later = chunks(markdown_sections(f"# A\none\n## B\n{'word ' * 150}"))[1:]
    assert (first.headings, later.headings) == (("A",), ("A", "B"))
    assert later.told.startswith("A > B\nword ")
    assert later.anchor == "b"


def test_a_page_is_cut_at_its_headings_with_their_ids() -> None:
    page = (
        "<title>x</title><p id=p>intro</p><section id=s><h1>One</h1><p>a<script>no()</script></p><h2 id=t>Two</h2>b"
        "<h2><a name=u></a>Three</h2>c</section><h1>Four</h1>d"
    )
    assert html_sections(page) == [
        DocumentSection("intro"),
        DocumentSection("One\na", (), ("One",), "s"),
        DocumentSection("Two\nb", ("One",), ("One", "Two"), "t"),
        DocumentSection("Three\nc", ("One",), ("One", "Three"), "u"),
        DocumentSection("Four\nd", (), ("Four",)),
    ]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("name,age\nAda,36\n\nBob,4", "name: Ada; age: 36\nname: Bob; age: 4"),
        ('name;about\nAda;"a; b\nc"', "name: Ada; about: a; b c"),
        ("name\tage\nAda\t", "name: Ada"),
        ("a,b\n1,2,3", "a: 1; b: 2; 3"),
        ("alone,here", "alone, here"),
    ],
)
def test_a_row_of_a_table_says_its_columns(table: str, text: str) -> None:
    assert table_text(table) == text


def test_what_is_no_document_is_said_in_words() -> None:
    assert read_document(b"", "text", None)["trouble"] == "it is empty"
    assert read_document(b"\x89PNG\r\n\x1a\n", "text", None)["trouble"] == "only Markdown, text, HTML, PDF and CSV can be read"
    assert read_document(b"# a\n" * 10_001, "markdown", None)["trouble"] == "it has 10,001 parts, and at most 10,000 can be kept"
    assert [each["text"] for each in read_document("Grüße".encode("latin-1"), "text", "latin-1")["chunks"]] == ["Grüße"]
