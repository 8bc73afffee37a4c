"""The page itself: sections as HTML, everything escaped, and a policy by which a browser asks no other place for anything."""

# plotly ships no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from bot.report.parts import Chart, LargeFigure, Part, ReportSection, Sentences, Story, Table

HERE = Path(__file__).parent
NOTE = '<noscript><p class="note">The charts need JavaScript. The tables say the same.</p></noscript>'


def page(heading: str, sections: Sequence[ReportSection], title: str = "Signoff report") -> str:
    """Return the whole file. Without charts it has no script; with charts its own two, by their hashes, of which plotly.js styles
    what it draws, which is allowed."""
    charts = [part for section in sections for part in section.parts if isinstance(part, Chart)]
    scripts = _chart_scripts() if charts else ()
    hashes = " ".join(f"'sha256-{b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts) or "'none'"
    figures = "{" + ",".join(f"{json.dumps(chart.name)}:{chart.figure}" for chart in charts) + "}"
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        style=_asset("page.css"),
        title=escape(title),
        heading=escape(heading),
        links="".join(f'<a href="#{section.name}">{escape(section.title)}</a>' for section in sections),
        note=NOTE if charts else "",
        sections="\n".join(map(_section_html, sections)),
        charts=f'<script type="application/json" id="charts">{figures}</script>' if charts else "",
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _chart_scripts() -> Sequence[str]:
    from plotly.offline import get_plotlyjs  # an extra, which is not there in most installations

    return get_plotlyjs(), _asset("page.js")


def _section_html(of: ReportSection) -> str:
    inner = _parts(of.parts) if of.parts else f'<p class="empty">{escape(of.empty)}</p>'
    return (
        f'<section id="{of.name}" aria-labelledby="{of.name}-title"><h2 id="{of.name}-title">{escape(of.title)}</h2>'
        f'<p class="lead">{escape(of.lead)}</p>{inner}</section>'
    )


def _parts(parts: Iterable[Part]) -> str:
    """Return the figures in large, then the charts side by side, then the tables, then words and conversations."""
    numbers = "".join(
        f"<div><dt>{escape(part.of)}</dt><dd>{escape(part.value)}</dd></div>" for part in parts if isinstance(part, LargeFigure)
    )
    drawn = "".join(_chart(part) for part in parts if isinstance(part, Chart))
    tables = "".join(_table_html(part) for part in parts if isinstance(part, Table))
    told = "".join(_words_html(part) for part in parts if isinstance(part, Sentences | Story))
    return (f"<dl>{numbers}</dl>" if numbers else "") + (f'<div class="charts">{drawn}</div>' if drawn else "") + tables + told


def _words_html(of: Sentences | Story) -> str:
    if isinstance(of, Sentences):
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in of.sentences)
    wrong = "".join(f"<li>{escape(each)}</li>" for each in of.wrong)
    told = "".join(
        f'<li class="{each.kind}"><strong>{escape(each.who)}</strong><p>{escape(each.text)}</p></li>' for each in of.told
    )
    return f'<details><summary>{escape(of.title)}</summary><ul class="wrong">{wrong}</ul><ol class="told">{told}</ol></details>'


def _chart(of: Chart) -> str:
    caption = escape(of.caption)
    return (
        f'<figure class="chart" hidden><figcaption>{caption}</figcaption>'
        f'<div id="chart-{of.name}" data-chart="{of.name}" role="img" aria-label="{caption}"></div></figure>'
    )


def _table_html(of: Table) -> str:
    kinds = ["code" if heading in of.code else "word" if heading in of.words else "figure" for heading in of.headings]
    head = "".join(f'<th scope="col" class="{kind}">{escape(each)}</th>' for each, kind in zip(of.headings, kinds, strict=True))
    rows = "".join(
        "<tr>" + "".join(_cell_html(each, kind) for each, kind in zip(row, kinds, strict=True)) + "</tr>" for row in of.rows
    )
    caption = escape(of.caption)
    return (
        f'<div class="wide" role="region" aria-label="{caption}" tabindex="0">'
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell_html(text: str, kind: str) -> str:
    return f'<td class="{kind}"><code>{escape(text)}</code></td>' if kind == "code" else f'<td class="{kind}">{escape(text)}</td>'


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
