"""The text of a page of the web. Strangers wrote the page, so `read_page` runs in a bounded process."""

import re
from html.parser import HTMLParser
from typing import Any

from agent.memory.chunks import DocumentSection
from agent.text import whole


def read_page(body: bytes, charset: str | None, is_html: bool, most_characters: int) -> dict[str, Any]:
    """Return `title` and `text` of a page, both at most so long, and whether `cut` is true of the text."""
    text, title = decoded(body, charset), ""
    if is_html:
        title, text = read_html(text)
    cut = len(text) > most_characters
    return {"title": whole(title[:most_characters]), "text": whole(text[:most_characters]), "cut": cut}


def decoded(body: bytes, charset: str | None) -> str:
    """Return the text of a page whose server names this charset, or none."""
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # no such charset, or one whose text cannot be told from damage
        return body.decode("utf-8", "replace")


class _Reader(HTMLParser):
    """Collects the text and the title of a page."""

    UNSEEN = frozenset({"script", "style", "noscript", "template"})
    LINE = re.compile("p|div|br|li|tr|h[1-6]|section|article|header|footer|pre|blockquote|table|ul|ol|dt|dd")

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self._inside: list[str] = []  # of the tags whose content is not the page's text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        if tag in self.UNSEEN or tag == "title":
            self._inside.append(tag)
        elif self.LINE.fullmatch(tag):
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)
        elif self.LINE.fullmatch(tag):
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text.append(data)
        elif self._inside == ["title"]:
            self.title.append(data)


def read_html(html: str) -> tuple[str, str]:
    """Return title and text of a page, one line a block, without scripts and styles."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return " ".join("".join(reader.title).split()), _lines(reader.text)


def html_sections(html: str) -> list[DocumentSection]:
    """Return the sections of a page between its headings. Those that have an id, or stand in something that begins with one, have
    an anchor."""
    reader = _Outline()
    reader.feed(html)
    reader.close()
    reader.end_section()
    return reader.sections


def _lines(text: list[str]) -> str:
    lines = (" ".join(line.split()) for line in "".join(text).split("\n"))
    return "\n".join(line for line in lines if line)


class _Outline(_Reader):
    """Collects the text of a page heading by heading."""

    HEADING = re.compile("h[1-6]")

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[DocumentSection] = []
        self._path: list[tuple[int, str]] = []  # levels and words of the headings that hold here
        self._above: tuple[str, ...] = ()
        self._level = 0  # of the heading that we are in
        self._begins = 0  # where its words begin in the text
        self._id = ""  # the last one, with no text after it
        self._anchor = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        self._id = str(given.get("id") or (tag == "a" and given.get("name")) or self._id)
        if self.HEADING.fullmatch(tag) and not self._inside:
            self.end_section()
            self._level, self._begins = int(tag[1]), len(self.text)
            self._path = [each for each in self._path if each[0] < self._level]
            self._above = tuple(words for _, words in self._path)
            self._anchor = self._id
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._level and self.HEADING.fullmatch(tag):
            words = " ".join("".join(self.text[self._begins :]).split())
            self._path += [(self._level, words)] if words else []
            self._anchor = self._anchor or self._id
            self._level, self._id = 0, ""
        super().handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if data.strip() and not self._inside and not self._level:
            self._id = ""

    def end_section(self) -> None:
        """End the section that the text so far belongs to."""
        if text := _lines(self.text):
            self.sections.append(DocumentSection(text, self._above, tuple(words for _, words in self._path), self._anchor))
        self.text = []
