"""What a person reads: the text of mrkdwn and of blocks as Slack's client shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from bot.sandbox.slack.wire import Json

Names: TypeAlias = Mapping[str, str]
State: TypeAlias = Mapping[str, Mapping[str, Json]]

_ANGLED = re.compile(r"<([^<>\n]+)>")


def read_mrkdwn(text: str, names: Names) -> str:
    """Return `text` as shown: links by their label, <@U1> as @name, entities as characters. Formatting marks are kept."""
    return unescape(_ANGLED.sub(lambda found: _reference(found[1], names), text))


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _reference(inner: str, names: Names) -> str:
    target, _, label = inner.partition("|")
    if inner.startswith("!date^") or inner.startswith("!subteam^"):
        return label or "@group"
    if inner.startswith("!"):
        return f"@{target[1:]}"
    if inner.startswith(("@", "#")):
        return inner[0] + names.get(target[1:], label or target[1:])
    return label or target.removeprefix("mailto:")


def read_text(text: Any, names: Names) -> str:
    """Return a text object as shown. plain_text is shown letter for letter: nothing in it becomes a link or a mention."""
    if not text:
        return ""
    if isinstance(text, str):
        return text
    return read_mrkdwn(text["text"], names) if text.get("type") == "mrkdwn" else text["text"]


def read_blocks(blocks: Sequence[Json], names: Names, state: State | None = None) -> str:
    """Yield every block's texts in order, a line or more each. `state` holds the inputs of a view."""
    return "\n".join(line for block in blocks for line in _block_lines(block, names, state or {}) if line)


def _block_lines(block: Json, names: Names, state: State) -> Iterator[str]:
    values = state.get(block.get("block_id", ""), {})
    match block["type"]:
        case "section":
            yield read_text(block.get("text"), names)
            for one in block.get("fields", ()):
                yield read_text(one, names)
            if "accessory" in block:
                yield read_element(block["accessory"], names, values)
        case "header" | "alert":
            yield read_text(block["text"], names)
        case "markdown":
            yield block["text"]
        case "context" | "actions" | "context_actions":
            yield " ".join(filter(None, (read_element(one, names, values) for one in block["elements"])))
        case "input":
            yield read_text(block["label"], names)
            yield read_element(block["element"], names, values)
            yield read_text(block.get("hint"), names)
        case "image":
            yield read_text(block.get("title"), names) or block["alt_text"]
        case "rich_text":
            yield _rich(block["elements"], names, between="\n")
        case "table":
            yield from (" | ".join(_cell(cell, names) for cell in row) for row in block["rows"])
        case "plan":
            yield read_text(block.get("title"), names)
            for task in block.get("tasks") or ():
                yield from _block_lines({"type": "task_card", **task}, names, state)
        case "task_card":
            yield read_text(block["title"], names)
            for part in ("details", "output"):
                if block.get(part):
                    yield from _block_lines(block[part], names, state)
            yield " ".join(source.get("text") or source["url"] for source in block.get("sources") or ())
        case "card":
            yield from (read_text(block.get(part), names) for part in ("title", "subtitle", "body"))
            yield " ".join(read_element(one, names, values) for one in block.get("actions") or ())
        case _:
            return


def read_attachment(attachment: Json, names: Names) -> str:
    """Return an attachment as shown: who wrote it, its texts or its blocks, its fields."""
    texts = [attachment.get(name) for name in ("author_name", "pretext", "title", "text", "footer")]
    fields = [f"{one['title']}: {one['value']}" for one in attachment.get("fields") or ()]
    shown = [read_mrkdwn(text, names) for text in [*texts, *fields] if text]
    return "\n".join([*shown, read_blocks(attachment.get("blocks") or (), names)]).strip("\n")


def _cell(cell: Json, names: Names) -> str:
    return _rich(cell["elements"], names, between="\n") if cell["type"] == "rich_text" else str(cell["text"])


def _rich(elements: Iterable[Json], names: Names, between: str = "") -> str:
    return between.join(_rich_one(one, names) for one in elements)


def _rich_one(one: Json, names: Names) -> str:
    match one["type"]:
        case "rich_text_list":
            return "\n".join(f"• {_rich(item['elements'], names)}" for item in one["elements"])
        case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
            return _rich(one["elements"], names)
        case "text":
            return one["text"]
        case "link":
            return one.get("text") or one["url"]
        case "user":
            return "@" + names.get(one["user_id"], one["user_id"])
        case "channel":
            return "#" + names.get(one["channel_id"], one["channel_id"])
        case "broadcast":
            return "@" + one["range"]
        case "usergroup":
            return "@" + names.get(one["usergroup_id"], one["usergroup_id"])
        case "emoji":
            return f":{one['name']}:"
        case "date":
            return one.get("fallback") or str(one["timestamp"])
        case "color":
            return one["value"]
        case _:
            return ""


def read_element(element: Json, names: Names, values: Mapping[str, Json]) -> str:
    """Return an element as shown, with what the person has put in (`values`, by action_id) or else its initial value."""
    value = values.get(element.get("action_id", "")) or initial_value(element) or {}
    chosen = [one["value"] for one in value.get("selected_options") or ()]
    if value.get("selected_option"):
        chosen = [value["selected_option"]["value"]]
    match element["type"]:
        case "plain_text" | "mrkdwn":
            return read_text(element, names)
        case "button" | "icon_button":
            return f"[{read_text(element['text'], names)}]"
        case "image":
            return element.get("alt_text") or ""
        case "feedback_buttons":
            pair = (element["positive_button"], element["negative_button"])
            return " ".join(f"[{read_text(one['text'], names)}]" for one in pair)
        case "checkboxes" | "radio_buttons":
            on, off = ("☑", "☐") if element["type"] == "checkboxes" else ("●", "○")
            return "\n".join(f"{on if one['value'] in chosen else off} {_option(one, names)}" for one in element["options"])
        case "overflow":
            return "[… " + " · ".join(_option(one, names) for one in element["options"]) + "]"
        case "static_select" | "multi_static_select":
            shown = [_option(one, names) for one in options_of(element) if one["value"] in chosen]
        case _:
            shown = [names.get(one, one) for one in _entered(value)]
    inside = ", ".join(shown) or read_text(element.get("placeholder"), names)
    return f"[{inside}]" if inside else ""


def options_of(element: Json) -> list[Json]:
    groups: list[Json] = element.get("option_groups") or []
    return [*(element.get("options") or ()), *(one for group in groups for one in group["options"])]


def _option(option: Json, names: Names) -> str:
    described = read_text(option.get("description"), names)
    return read_text(option["text"], names) + (f" ({described})" if described else "")


def _entered(value: Json) -> list[str]:
    found: list[str] = []
    for key, one in value.items():
        if key == "type" or one is None:
            continue
        found.extend(one if isinstance(one, list) else [str(one)])  # pyright: ignore[reportUnknownArgumentType] JSON
    return found


_ONE = {
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "date_time",
    "users_select": "user",
    "conversations_select": "conversation",
    "channels_select": "channel",
}
_MANY = {f"multi_{kind}": f"{_ONE[kind]}s" for kind in ("users_select", "conversations_select", "channels_select")}


def initial_value(element: Json) -> Json | None:
    """Return the value of an element before anybody touched it, in the form of `state.values`; None without state."""
    kind = element["type"]
    match kind:
        case "plain_text_input" | "number_input" | "email_text_input" | "url_text_input":
            return {"type": kind, "value": element.get("initial_value")}
        case "static_select" | "radio_buttons":
            return {"type": kind, "selected_option": element.get("initial_option")}
        case "multi_static_select" | "checkboxes":
            return {"type": kind, "selected_options": list(element.get("initial_options") or ())}
        case _ if kind in _ONE:
            return {"type": kind, f"selected_{_ONE[kind]}": element.get(f"initial_{_ONE[kind]}")}
        case _ if kind in _MANY:
            return {"type": kind, f"selected_{_MANY[kind]}": list(element.get(f"initial_{_MANY[kind]}") or ())}
        case _:
            return None


def value_key(element: Json) -> str:
    """Return the name of an element's value in `state.values`: value, selected_option, selected_date, ..."""
    initial = initial_value(element) or {}
    return next((key for key in initial if key != "type"), "value")
