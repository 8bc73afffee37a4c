"""Both runs of a replay as people and programs read them: on a terminal, as a page that asks no other place, as JSON."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cards.harmless_text import visible
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.eval.replay import Replayed, replay
from bot.eval.side_by_side import Pair, pairs, ran_with, took
from bot.refusing import print_json
from bot.report import parts
from bot.report.page import page

WIDTH = 160  # columns, where the output is no terminal
MARK = "≠"
COLUMNS = ("", "", "then", "now")


def show_replay(
    settings: Settings, config: Config, named: str, *, prompt: str | None, model: str | None, as_json: bool, html: Path | None
) -> bool:
    """Run a session again and show both runs; a page goes into a file, which is replaced. Returns whether the second one came to
    its end and to the same. Raises Refusal."""
    replayed = replay(settings, config, named, prompt, model)
    if html is not None:
        try:
            html.write_text(as_page(replayed), encoding="utf-8")
        except OSError as error:
            raise Refusal(
                f"{html} cannot be written ({error.strerror}): name a file in a folder that you may write to."
            ) from None
    elif as_json:
        print_json(as_value(replayed))
    else:
        console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, emoji=False)
        console.print(as_table(replayed))
        for sentence in _sentences(replayed):
            console.print(Text(sentence))
    return not replayed.trouble and not _different(replayed)


def as_value(replayed: Replayed) -> dict[str, Any]:
    """Return both runs as JSON holds them."""
    sides = {"then": replayed.then, "now": replayed.now}
    return {
        "session": replayed.session_id,
        **{
            name: {
                "prompt": side.prompt,
                "prompt_hash": side.prompt_hash,
                "model": side.model,
                **side.figures.model_dump(include={"iterations", "input_tokens", "output_tokens", "tokens", "usd"}),
            }
            for name, side in sides.items()
        },
        "differences": len(_different(replayed)),
        "left_out": list(replayed.left_out),
        "trouble": replayed.trouble,
        "parts": [
            {"turn": pair.turn, "what": pair.what, "then": pair.then, "now": pair.now, "differs": pair.differs}
            for pair in pairs(replayed.then, replayed.now)
        ],
    }


def as_table(replayed: Replayed) -> Table:
    """Return both runs as a table to be printed."""
    table = Table(title=Text(f"Replay of {visible(replayed.session_id)}"), show_lines=True)
    for name in COLUMNS:
        table.add_column(name, ratio=1 if name else None, overflow="fold")
    for pair in _all(replayed):
        table.add_row(*(Text(cell) for cell in _cells(pair)))
    return table


def as_page(replayed: Replayed) -> str:
    """Return both runs as a page."""
    then, now = replayed.then, replayed.now
    turns = dict.fromkeys(pair.turn for pair in pairs(then, now))
    told = [
        parts.ReportSection(
            f"turn-{number}",
            f"Turn {number}",
            "",
            "",
            [_pairs_table(f"Turn {number}", [pair for pair in pairs(then, now) if pair.turn == number])],
        )
        for number in turns
    ]
    first = [_pairs_table("What both ran with, and what they took", [*ran_with(then, now), *took(then, now)])]
    both = parts.ReportSection("both", "Both runs", "", "", [*first, parts.Sentences(_sentences(replayed))])
    return page(f"Replay of {replayed.session_id}", [both, *told], title="Signoff replay")


def _pairs_table(caption: str, of: Sequence[Pair]) -> parts.Table:
    headings = ("differs", "what", "then", "now")
    return parts.Table(caption, headings, [_cells(pair) for pair in of], words=frozenset(headings))


def _cells(pair: Pair) -> tuple[str, str, str, str]:
    what = f"{pair.turn} {pair.what}" if pair.turn else pair.what
    return MARK if pair.differs else "", what, _harmless(pair.then), _harmless(pair.now)


def _harmless(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _all(replayed: Replayed) -> Sequence[Pair]:
    then, now = replayed.then, replayed.now
    return [*ran_with(then, now), *pairs(then, now), *took(then, now)]


def _different(replayed: Replayed) -> Sequence[Pair]:
    return [pair for pair in pairs(replayed.then, replayed.now) if pair.differs]


def _sentences(replayed: Replayed) -> Sequence[str]:
    count = len(_different(replayed))
    said = f"{count} {'difference' if count == 1 else 'differences'}, marked with {MARK}." if count else "No difference."
    stopped = [f"The replay did not come to its end: {replayed.trouble}."] if replayed.trouble else []
    return [said, *stopped, *replayed.left_out]
