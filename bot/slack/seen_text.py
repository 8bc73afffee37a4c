"""What people see of a message: its own words, and below them what it forwards, previews, attaches and says aloud.

One pure function, `seen`, for what Slack delivers and for what is read in threads and channels. What somebody else wrote is
quoted as what it is and whose it is. Any field may hold any JSON.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from agent.text import whole
from bot.cards.harmless_text import cut, escaped, visible
from bot.slack.block_text import QUOTE, all_known, as_quote, blocks_text, inert, list_entries, member, pieces, string

MOST_CHARACTERS = 12_000  # of what is shown below a message's own words
MOST_OWN_CHARACTERS = 40_000  # Slack itself takes no more
MOST_NESTED = 4  # forwards within forwards
MOST_FILES = 50
NAME_CHARACTERS = 200  # of a person, a place, an address
FORWARD, LINKED, PREVIEW, ALERT = "a forwarded message", "a linked message", "the preview of a link", "an attachment of an app"
# An attachment of nothing else is a table that the writer pasted: their own words (docs: none; as Slack's client sends it).
_PASTED = frozenset({"id", "blocks", "fallback", "color", "mrkdwn_in"})
_NOTHING = "[no preview available]"  # what Slack itself puts into `fallback`
_QUOTED = re.compile(rf"(?:{QUOTE})*")
_CUT_MARK = re.compile(rf"\n(?:{QUOTE})*(?:&|&g|&gt|&gt;)?\Z")  # a line with nothing but marks, the last one cut
_LABELLED = re.compile(r"<([#!][^<>|]+)\|[^<>]+>")
_UNLABELLED = re.compile(r"<([#!][^<>|]+)>")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as people see it, in Slack's own form. `own`: its writer's words; `below`: what is shown below them.

    `files`: Slack's objects of the files on it and of those that it forwards, without clips that are read by their words.
    `sources`: what of it somebody else wrote.
    """

    own: str
    below: str = ""
    files: tuple[JsonValue, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return all of it."""
        return "\n".join(filter(None, (self.own, self.below)))

    @property
    def file_names(self) -> tuple[str, ...]:
        """Return the names of its files."""
        return tuple(file_name(file) for file in self.files)


def seen(message: JsonValue) -> Seen:
    """Return what people see of a message of Slack's."""
    read = tuple(_attachments(message, 1))
    listed = [file for part in ([message], *(one.holders for one in read)) for holder in part for file in _files(holder)]
    files = list({string(member(file, "id")): file for file in listed}.values())
    left = [f"({len(files) - MOST_FILES:,} more files are left out)"] if len(files) > MOST_FILES else []
    below = "\n".join([*_clips(message), *dict.fromkeys(one.text for one in read), *left])
    own = _own_words(member(message, "text"), member(message, "blocks"))
    return Seen(
        own=shortened_text(whole(own), MOST_OWN_CHARACTERS),
        below=shortened_text(whole(below), MOST_CHARACTERS),
        files=tuple(files[:MOST_FILES]),
        sources=tuple(dict.fromkeys(one.source for one in read if one.source)),
    )


def shortened_text(text: str, most: int) -> str:
    """Return about `most` characters of the text: its beginning, how much is left out, and its end. A quote stays one."""
    if len(text) <= most:
        return text
    half = most // 2
    resumed = len(text) - half
    line = text.rfind("\n", 0, resumed) + 1
    mark = _QUOTED.match(text, line, line + 1_000)
    note = f"(… {len(text) - 2 * half:,} characters in the middle are left out …)"
    return f"{_CUT_MARK.sub('', text[:half])}\n{note}\n{mark[0] if mark else ''}{text[resumed:]}"


def _own_words(text: JsonValue, blocks: JsonValue) -> str:
    """Return a message's own words. Slack shows its blocks where it has some; then `text` is a copy, or for notifications."""
    raw, shown = string(text), blocks_text(blocks).strip()
    labels = {found[1]: found[0] for found in _LABELLED.finditer(raw)}
    shown = _UNLABELLED.sub(lambda found: labels.get(found[1], found[0]), shown)
    if not shown or all_known(blocks):
        return shown or raw
    written, read = _vocabulary(raw), _vocabulary(shown)
    return shown if written <= read else raw if read <= written else f"{raw}\n{shown}"


def _vocabulary(text: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"&(?:lt|gt|amp);", " ", text)))


# ---------------------------------------------------------------------------------------------- attachments


@dataclass(frozen=True, slots=True)
class _Attached:
    text: str
    source: str
    holders: tuple[JsonValue, ...]  # of files: the attachment, and what it forwards in turn


def _attachments(holder: JsonValue, depth: int) -> Iterator[_Attached]:
    """Yield what is attached to a message, or to what it forwards."""
    attached = list_entries(member(holder, "attachments"))
    if depth > MOST_NESTED:
        if attached:
            yield _Attached("(what is forwarded within it is not read)", "", ())
        return
    for attachment in attached:
        if isinstance(attachment, dict):
            read = _pasted(attachment) if attachment.keys() <= _PASTED else None
            read = read or _from_others(attachment, depth)
            if read.text or any(_files(one) for one in read.holders):
                yield read


def _pasted(attachment: JsonValue) -> _Attached | None:
    """Return a table that the message's writer pasted; None if it is none."""
    blocks = list_entries(member(attachment, "blocks"))
    if not blocks or any(member(block, "type") != "table" for block in blocks):
        return None
    return _Attached(blocks_text(list(blocks)), "", ())


def _from_others(attachment: JsonValue, depth: int) -> _Attached:
    originals = [message for one in list_entries(member(attachment, "message_blocks")) if (message := member(one, "message"))]
    nested = [one for holder in (attachment, *originals) for one in _attachments(holder, depth + 1)]
    holders = (attachment, *originals, *(holder for one in nested for holder in one.holders))
    lines = [*_lines(attachment, originals), *(one.text for one in nested)]
    for holder in (attachment, *originals):
        lines += [f"[file: {file_name(file)}]" for file in _files(holder, clips=True)] + _clips(holder)
    lines.append(string(member(attachment, "footer")))
    content = "\n".join(dict.fromkeys(filter(None, lines)))
    heading, source = _heading(attachment)
    return _Attached(f"{heading}\n{as_quote(content)}" if content else "", source, holders)


def _lines(attachment: JsonValue, originals: Sequence[JsonValue]) -> list[str]:
    """Return the texts of an attachment in the order in which Slack shows them."""
    of_original = [block for original in originals for block in list_entries(member(original, "blocks"))]
    blocks = [*of_original, *list_entries(member(attachment, "blocks"))]
    words = [string(member(attachment, "pretext")), _titled(attachment), _own_words(member(attachment, "text"), blocks)]
    words += [_field(one) for one in list_entries(member(attachment, "fields"))]
    words += pieces(member(attachment, "actions"))
    if not any(words) and not _files(attachment, clips=True):
        fallback = string(member(attachment, "fallback"))
        words.append("" if fallback == _NOTHING else fallback)
    return words


def _field(field: JsonValue) -> str:
    return ": ".join(filter(None, (string(member(field, "title")), string(member(field, "value")))))


def _titled(attachment: JsonValue) -> str:
    title, link = string(member(attachment, "title")), _in_line(member(attachment, "title_link"))
    return f"{title} ({link})" if title and link and link != _address(attachment) else title


def _heading(attachment: JsonValue) -> tuple[str, str]:
    """Return what an attachment is and whose, and as which source it counts."""
    author = string(member(attachment, "author_id"))
    name = _in_line(member(attachment, "author_name")) or _in_line(member(attachment, "author_subname"))
    who = name or (f"<@{author}>" if author.isalnum() else "") or _in_line(member(attachment, "service_name"))
    whose = (f", from {who}" if who else "") + _place(attachment)
    if member(attachment, "is_share"):
        return f"Forwarded{whose}:", FORWARD
    if member(attachment, "is_msg_unfurl") or member(attachment, "is_reply_unfurl"):
        return f"A message that a link leads to{whose}:", LINKED
    if address := _address(attachment):
        return f"Preview of {address}{whose}:", PREVIEW
    return f"Attached{whose}:", ALERT


def _address(attachment: JsonValue) -> str:
    names = ("from_url", "original_url", "app_unfurl_url")
    return next((address for name in names if (address := _in_line(member(attachment, name)))), "")


def _place(attachment: JsonValue) -> str:
    name, id = _in_line(member(attachment, "channel_name")), string(member(attachment, "channel_id"))
    if name:
        return f" in {name}" if " " in name else f" in #{name.lstrip('#')}"
    return f" in <#{id}>" if id.isalnum() else ""


def _in_line(value: JsonValue) -> str:
    """Return a name or an address of somebody else's, on one line."""
    return inert(cut(visible(" ".join(string(value).split())), NAME_CHARACTERS))


# ---------------------------------------------------------------------------------------------- files


def _files(holder: JsonValue, *, clips: bool = False) -> list[JsonValue]:
    """Return the files that hang on a message or an attachment; clips that are read by their words only if asked for."""
    return [
        file for file in list_entries(member(holder, "files")) if string(member(file, "id")) and (clips or not _clip_text(file))
    ]


def _clips(holder: JsonValue) -> list[str]:
    return [heard for file in list_entries(member(holder, "files")) if (heard := _clip_text(file))]


def _clip_text(file: JsonValue) -> str:
    """Return what Slack heard in a clip, and that it is that; empty if it heard nothing, or has not listened yet."""
    content, whole_of_it = transcript(file)
    more = "" if whole_of_it else " (only its beginning)"
    return f"Voice clip {file_name(file)}, as Slack heard it{more}: {escaped(content)}" if content else ""


def transcript(file: JsonValue) -> tuple[str, bool]:
    """Return what Slack heard in a clip, and whether that is all of it; empty if nothing."""
    preview = member(member(file, "transcription"), "preview")
    return string(member(preview, "content")), not member(preview, "has_more")


def file_name(file: JsonValue) -> str:
    """Return a file's name, or its title."""
    return _in_line(member(file, "name")) or _in_line(member(file, "title")) or "without a name"
