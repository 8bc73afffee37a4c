"""A small library in the shape of the tau benchmarks: readers, books, and who has which, in a file of JSON."""

import json
import os
from pathlib import Path
from typing import Any

from agent.declare import tool
from agent.tool.definition import ToolError


def _data() -> dict[str, Any]:
    return json.loads(Path(os.environ["SIGNOFF_EVAL_DATA"]).read_text())


def _keep(data: dict[str, Any]) -> None:
    Path(os.environ["SIGNOFF_EVAL_DATA"]).write_text(json.dumps(data))


@tool(effect="read")
def find_reader(name: str) -> dict[str, Any]:
    """Look a reader up by name: id, and the ids of the books that they have."""
    for id, reader in _data()["readers"].items():
        if reader["name"].casefold() == name.casefold():
            return {"id": id, **reader}
    raise ToolError("not_found", f"There is no reader {name}.")


@tool(effect="read")
def find_book(title: str) -> dict[str, Any]:
    """Look a book up by words of its title: id, title, copies that are in."""
    for id, book in _data()["books"].items():
        if title.casefold() in book["title"].casefold():
            return {"id": id, **book}
    raise ToolError("not_found", f"There is no book {title}.")


@tool
def lend_book(reader_id: str, book_id: str) -> dict[str, Any]:
    """Lend a copy of a book to a reader."""
    data = _data()
    reader, book = data["readers"][reader_id], data["books"][book_id]
    if not book["in"]:
        raise ToolError("invalid_input", f"No copy of {book['title']} is in.")
    book["in"] -= 1
    reader["books"].append(book_id)
    _keep(data)
    return {"reader": reader_id, "books": reader["books"]}


@tool
def take_back(reader_id: str, book_id: str) -> dict[str, Any]:
    """Take a book back from a reader."""
    data = _data()
    data["readers"][reader_id]["books"].remove(book_id)
    data["books"][book_id]["in"] += 1
    _keep(data)
    return {"reader": reader_id, "books": data["readers"][reader_id]["books"]}
