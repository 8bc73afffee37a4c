"""One conversation as a page: its turns, each a tree with a bar that shows when each part of it was.

It has no script, asks no other place for anything, and everything in it is escaped.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from agent.reports.run_tree import Fact, Node
from bot.report.parts import LargeFigure, count_text, moment, times

HERE = Path(__file__).parent
LEAST_WIDTH = 0.5  # hundredths of a turn: what took no time is seen, too

FactText = Callable[[str, Fact], str]


def run_page(heading: Sequence[str], turns: Sequence[Node], tell: FactText) -> str:
    """Return the whole file. `heading`: what the conversation is and runs with. `tell` says a fact in words."""
    style = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "run_page.css"))
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Template((HERE / "run_page.html").read_text(encoding="utf-8")).substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        heading="<br>".join(map(escape, heading)),
        links="".join(f'<a href="#turn-{escape(turn.of)}">Turn {escape(turn.of)}</a>' for turn in turns),
        figures="".join(f"<div><dt>{escape(each.of)}</dt><dd>{escape(each.value)}</dd></div>" for each in _figures(turns)),
        turns="\n".join(_turn_html(turn, tell) for turn in turns),
    )


def _figures(turns: Sequence[Node]) -> Iterator[LargeFigure]:
    """Yield what the conversation came to. There is a cost where every model call that was charged has one."""
    nodes = [node for turn in turns for node in _every(turn)]
    calls = [node for node in nodes if node.name == "chat"]
    charged = [node for node in calls if "input_tokens" in node.facts]
    yield LargeFigure(count_text(len(turns)), "turns")
    yield LargeFigure(count_text(len(calls)), "model calls")
    yield LargeFigure(count_text(sum(_amount_of(node, "input_tokens") for node in calls)), "tokens in")
    yield LargeFigure(count_text(sum(_amount_of(node, "output_tokens") for node in calls)), "tokens out")
    if charged and all("cost_usd" in node.facts for node in charged):
        yield LargeFigure(f"${sum(_amount_of(node, 'cost_usd') for node in charged):.6f}", "cost")
    yield LargeFigure(count_text(sum(node.name == "execute_tool" for node in nodes)), "runs of tools")
    yield LargeFigure(count_text(sum(node.name == "approval" for node in nodes)), "cards")


def _every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _every(child)


def _amount_of(node: Node, fact: str) -> float:
    value = node.facts.get(fact, 0)
    return value if isinstance(value, int | float) else 0


def _turn_html(turn: Node, tell: FactText) -> str:
    told = [f"{moment(turn.at)} UTC", _took(turn), *(tell(name, fact) for name, fact in turn.facts.items())]
    named, until = f"turn-{escape(turn.of)}", turn.ended_at or max(each.ended_at or each.at for each in _every(turn))
    tree = "".join(_node_html(child, tell, turn.at, until) for child in turn.children)
    return (
        f'<section id="{named}" aria-labelledby="{named}-title"><h2 id="{named}-title">Turn {escape(turn.of)}</h2>'
        f'<p class="lead">{escape("  ·  ".join(filter(None, told)))}</p><ol class="tree">{tree}</ol></section>'
    )


def _node_html(node: Node, tell: FactText, began: datetime, until: datetime) -> str:
    what = node.of if node.name == "event" else f"{node.name} {node.of}".strip()
    facts = [
        f'<span class="{"outcome" if name in ("outcome", "stop_reason") else "fact"}">{escape(tell(name, fact))}</span>'
        for name, fact in node.facts.items()
    ]
    below = "".join(_node_html(child, tell, began, until) for child in node.children)
    at = node.at.astimezone(UTC)
    return (
        f'<li class="{node.name}"><div class="node"><time class="at" datetime="{at.isoformat()}">{at:%H:%M:%S}</time>'
        f'<span class="what">{escape(what)}</span><span class="took">{escape(_took(node))}</span>{"".join(facts)}</div>'
        f"{_bar(node, began, until)}{f'<ol>{below}</ol>' if below else ''}</li>"
    )


def _bar(node: Node, began: datetime, until: datetime) -> str:
    """Return when a part of a turn was, drawn; nothing of what took no time, and where all of a turn took none."""
    whole = (until - began).total_seconds()
    if node.seconds == 0 or whole <= 0:
        return ""
    width = ((node.ended_at or until) - node.at).total_seconds() / whole * 100
    left = min((node.at - began).total_seconds() / whole * 100, 100 - LEAST_WIDTH)
    return (
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect x="{left:.2f}" width="{max(width, LEAST_WIDTH):.2f}" height="1"/></svg>'
    )


def _took(node: Node) -> str:
    return "" if node.seconds == 0 else "not over" if node.seconds is None else times(node.seconds)
