"""The text of a page of the web. Strangers wrote the page, so `read_page` runs in a bounded process."""

import re
from html.parser import HTMLParser
from typing import Any

from agent.text import whole


def read_page(body: bytes, charset: str | None, is_html: bool, most_characters: int) -> dict[str, Any]:
    """Return `title` and `text` of a page, both at most so long, and whether `cut` is true of the text."""
    text, title = _decoded(body, charset), ""
    if is_html:
        title, text = read_html(text)
    cut = len(text) > most_characters
    return {"title": whole(title[:most_characters]), "text": whole(text[:most_characters]), "cut": cut}


def _decoded(body: bytes, charset: str | None) -> str:
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
    lines = (" ".join(line.split()) for line in "".join(reader.text).split("\n"))
    return " ".join("".join(reader.title).split()), "\n".join(line for line in lines if line)
