"""`signoff trace`: what one conversation did, as a tree, as JSON or as a page. It holds no words of people, model or tools."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from agent.reports.run_tree import Fact, Node, run_tree
from agent.reports.runs import Run, run_of
from agent.trace_ids import spelled, trace_id
from bot.cards.harmless_text import visible
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.refusing import print_json
from bot.stores.database import connected

UNKNOWN = "No conversation is known by {}: give a link to a message in it, its session or a trace."
WIDTH = 130  # columns, where the output is no terminal
UNITS = {
    "input_tokens": "{:,} tokens in",
    "cached_tokens": "{:,} of them cached",
    "output_tokens": "{:,} out",
    "output_bytes": "{:,} bytes",
    "cost_usd": "${:.6f}",
}


def print_trace(settings: Settings, named: str, *, as_json: bool) -> None:
    """Print a conversation that is named by its session's id, by a trace or by a link to a message of it. Raises Refusal."""
    run = asyncio.run(run_named(settings, named))
    if as_json:
        print_json(as_value(run))
        return
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, emoji=False).print(as_tree(run))


def write_trace(settings: Settings, named: str, file: Path) -> None:
    """Write the same as a page into a file, which is replaced. Raises Refusal."""
    from bot.report.run_page import run_page

    run = asyncio.run(run_named(settings, named))
    unread = [_unread(run)] if run.unread else []
    try:
        file.write_text(run_page(["  ".join(_named_with(run)), *unread], turns(run), _told_fact), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{file} cannot be written ({error.strerror}): name a file in a folder that you may write to.") from None


def _named_with(run: Run) -> Sequence[str]:
    """Return what the run is, and what it was begun with."""
    pinned = run.pinned
    told = (pinned.agent, pinned.model, pinned.prompt, pinned.prompt_digest[:12]) if pinned else ()
    return [visible(each) for each in (run.session_id, *told) if each]


def _unread(run: Run) -> str:
    return f"{run.unread} steps are of another version and cannot be read"


def as_tree(run: Run) -> Tree:
    """Return a run as a tree to be printed."""
    tree = Tree(Text("  ".join(_named_with(run))))
    for turn in turns(run):
        _add(tree, turn)
    if run.unread:
        tree.add(Text(_unread(run)))
    return tree


def as_value(run: Run) -> dict[str, Any]:
    """Return a run as JSON holds it. Times are UTC, in ISO 8601."""
    pinned = run.pinned.model_dump(include={"agent", "model", "prompt", "prompt_digest"}) if run.pinned else {}
    return {
        "session": run.session_id,
        **pinned,
        "steps": len(run.log),
        "unread_steps": run.unread,
        "turns": [_node_value(turn) for turn in turns(run)],
    }


def turns(run: Run) -> Sequence[Node]:
    """Return the turns of a run that are meant, each with its trace."""
    found = run_tree(run.log, run.pinned)
    for turn in found:
        turn.facts["trace"] = spelled(trace_id(run.session_id, int(turn.of)))
    return [turn for turn in found if run.trace_id in (None, turn.facts["trace"])]


async def run_named(settings: Settings, named: str) -> Run:
    """Return the run of a link, a session or a trace. Raises Refusal where the store has none."""
    async with connected(settings) as connection:
        run = await run_of(connection, named)
    if run is None:
        raise Refusal(UNKNOWN.format(visible(named)), status=ExitStatus.FOUND)
    return run


def _add(tree: Tree, node: Node) -> None:
    branch = tree.add(Text(line(node)))
    for child in node.children:
        _add(branch, child)


def line(node: Node) -> str:
    """Return a node in one line: when, what, how long it took, and what is known of it."""
    took = "" if node.seconds == 0 else "not over" if node.seconds is None else f"{node.seconds:.1f} s"
    facts = [_told_fact(name, fact) for name, fact in node.facts.items()]
    what = f"{node.name} {node.of}".strip() if node.name != "event" else node.of
    return "  ".join(each for each in (f"{_utc(node.at):%H:%M:%S}", visible(what), took, *facts) if each)


def _told_fact(name: str, fact: Fact) -> str:
    if isinstance(fact, int | float):
        return UNITS.get(name, f"{name.replace('_', ' ')} {{}}").format(fact)
    words = fact if isinstance(fact, str) else ", ".join(fact)
    return visible(words) if name in ("outcome", "stop_reason") else f"{name.replace('_', ' ')} {visible(words)}"


def _node_value(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "of": node.of,
        "at": _utc(node.at).isoformat(),
        "seconds": node.seconds,
        **node.facts,
        "children": [_node_value(child) for child in node.children],
    }


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
