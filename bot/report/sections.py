"""What the report says, section by section.

Words that come from elsewhere (names of agents, tools, rules and prompts) go through `name`, which masks them and makes them
harmless. Ids are shown as they are.
"""

from collections.abc import Sequence

from agent.reports.period.decisions import REFLEX_SECONDS, Approver, RuleFigures
from agent.reports.period.measures import Share
from agent.reports.period.read import Period
from agent.reports.period.runs import Iterations, PeriodRun
from agent.reports.period.shadows import ShadowVersion
from agent.reports.period.spending import Spent, SpentBy
from agent.reports.period.tools import ToolFigures
from bot.report import charts
from bot.report.charts import Naming
from bot.report.parts import Chart, LargeFigure, ReportSection, Table, count_text, interval, moment, money, share, times

MOST_TABLE_ROWS = 50
REFLEXES = f"under {REFLEX_SECONDS:.0f}s"
SPENT = ("sessions", "model calls", "tokens", "cost", "P50 of a session", "P99")
DECIDED = ("cards", "approved", "rejected", "rate", "expired", "waiting", "other", "P50", "P99", REFLEXES)
RUN = (
    "opened, UTC",
    "agent",
    "came to",
    "took",
    "waited",
    "model calls",
    "tokens",
    "cost",
    "good",
    "bad",
    "look at it with",
    "trace",
)


def sections(of: Period, name: Naming) -> Sequence[ReportSection]:
    """Return the sections of the page, in their order."""
    return [
        _overview(of),
        _spending(of, name),
        _iterations(of, name),
        _tools(of, name),
        _approvals(of, name),
        _unusual(of, name),
        _prompts(of, name),
        _shadows(of, name),
    ]


def _overview(of: Period) -> ReportSection:
    agents, rules = of.spent["agent"], of.rules
    capped = Share(sum(one.capped.part for one in of.iterations), sum(one.runs for one in of.iterations))
    failed = Share(sum(one.failed.part for one in of.tools), sum(one.runs for one in of.tools))
    decided = Share(sum(one.rejected for one in rules), sum(one.rejected + one.approved for one in rules))
    numbers = [
        LargeFigure(count_text(of.runs), "runs"),
        LargeFigure(count_text(sum(one.tokens for one in agents)), "tokens"),
        LargeFigure(money(sum(one.nano_usd for one in agents)), "cost"),
        LargeFigure(share(capped), "of the runs at the cap"),
        LargeFigure(share(failed), "of the tool runs failed"),
        LargeFigure(count_text(sum(one.cards for one in rules)), "approval cards"),
        LargeFigure(share(decided), "of the decisions rejected"),
    ]
    lead = "A run is a turn: what people said, and all that came of it until they said something else."
    return ReportSection("overview", "At a glance", lead, "", numbers)


def _spending(of: Period, name: Naming) -> ReportSection:
    parts: list[Table | Chart | LargeFigure] = []
    if of.days:
        parts.append(charts.sessions_over_time(of.days))
    for by, spent in of.spent.items():
        if spent:
            named = name if by == "agent" else str  # the others are ids
            parts += [charts.spent_over_time(by, spent, of.until, named), _spent_table(by, spent, named)]
    lead = "Model calls as they were charged; one under way counts as it was reserved. Days are those of UTC."
    return ReportSection("spending", "Spending", lead, "No model was called.", parts)


def _spent_table(by: SpentBy, spent: Sequence[Spent], name: Naming) -> Table:
    rows = [
        (
            name(one.of) or "-",
            count_text(one.sessions),
            count_text(one.calls),
            count_text(one.tokens),
            money(one.nano_usd),
            count_text(one.median_tokens),
            count_text(one.p99_tokens),
        )
        for one in spent
    ]
    return _table(f"Spent by {by}", (by, *SPENT), rows, words=(by,))


def _iterations(of: Period, name: Naming) -> ReportSection:
    def row(one: Iterations) -> Sequence[str]:
        caps = (count_text(one.capped.part), share(one.capped))
        return (name(one.agent) or "-", count_text(one.runs), count_text(one.median), count_text(one.p99), *caps)

    parts: list[Table | Chart | LargeFigure] = []
    if of.iterations:
        headings = ("agent", "runs", "P50 of model calls", "P99", "at the cap", "share")
        rows = [row(one) for one in of.iterations]
        parts = [charts.iterations(of.iterations, name), _table("Model calls of a run", headings, rows, words=("agent",))]
    lead = "How many model calls a run takes, and how many runs used all that they may make."
    return ReportSection("iterations", "Iterations and the cap", lead, "No run called a model.", parts)


def _tools(of: Period, name: Naming) -> ReportSection:
    def row(one: ToolFigures) -> Sequence[str]:
        counts = (count_text(one.failed.part), share(one.failed), count_text(one.unknown), count_text(one.not_run))
        return (name(one.tool) or "-", count_text(one.runs), *counts, times(one.median_seconds), times(one.p99_seconds))

    parts: list[Table | Chart | LargeFigure] = []
    if any(one.runs for one in of.tools):
        parts = [charts.latency(of.tools, name), charts.failures(of.tools, name)]
    if of.tools:
        headings = ("tool", "runs", "failed", "rate", "outcome unknown", "not run", "P50", "P99")
        parts.append(_table("Tools", headings, [row(one) for one in of.tools], words=("tool",)))
    lead = "From the step that began a run to the one with its result. Calls that were refused before they began are not runs."
    return ReportSection("tools", "Tools", lead, "No tool was called.", parts)


def _approvals(of: Period, name: Naming) -> ReportSection:
    parts: list[Table | Chart | LargeFigure] = []
    if of.rules:
        parts.append(charts.decisions(of.rules, name))
    if of.decision_seconds:
        parts.append(charts.times_to_decision(of.decision_seconds))
    if of.rules:
        rows = [_rule_row(one, name) for one in of.rules]
        parts.append(_table("By tool and rule", ("tool", "rule", *DECIDED), rows, words=("tool", "rule")))
    if of.approvers:
        headings = ("approver", "approved", "rejected", "P50", "P99", REFLEXES)
        parts.append(_table("By approver", headings, [_approver_row(one) for one in of.approvers], words=("approver",)))
    lead = (
        f"From the card to the decision, of what people approved or rejected. A decision in {REFLEXES} is a reflex: "
        "nobody has read the card by then."
    )
    return ReportSection("approvals", "Approvals", lead, "Nobody was asked to approve anything.", parts)


def _rule_row(one: RuleFigures, name: Naming) -> Sequence[str]:
    counts = (one.expired, one.waiting, one.ended_otherwise)
    return (
        *(name(one.tool) or "-", name(one.rule) or "-"),
        *map(count_text, (one.cards, one.approved, one.rejected)),
        share(one.rejection),
        *map(count_text, counts),
        *(times(one.median_seconds), times(one.p99_seconds), count_text(one.reflexes)),
    )


def _approver_row(one: Approver) -> Sequence[str]:
    counts = map(count_text, (one.approved, one.rejected))
    return (one.user, *counts, times(one.median_seconds), times(one.p99_seconds), count_text(one.reflexes))


def _unusual(of: Period, name: Naming) -> ReportSection:
    def table(caption: str, runs: Sequence[PeriodRun]) -> Sequence[Table]:
        rows = [_run_row(run, name, traced=run.trace in of.traced) for run in runs]
        words = ("agent", "came to", "look at it with", "trace")
        return [_table(caption, RUN, rows, words, code=("look at it with", "trace"))] if runs else []

    found = of.unusual
    parts = [*table("Slowest", found.slowest), *table("Dearest", found.dearest), *table("Worst rated", found.worst)]
    lead = (
        "The time that a run took is without that in which it waited for people. Where the conversation log does not know a "
        "trace, the command shows the whole conversation."
    )
    return ReportSection("runs", "Runs to look at", lead, "There was no run.", parts)


def _run_row(run: PeriodRun, name: Naming, *, traced: bool) -> Sequence[str]:
    turn = run.turn
    return (
        moment(turn.opened_at),
        name(turn.agent) or "-",
        turn.outcome,
        times(run.seconds),
        times(run.waited_seconds) if run.waited_seconds else "-",
        count_text(run.iterations),
        count_text(run.tokens),
        money(run.nano_usd),
        count_text(run.good),
        count_text(run.bad),
        f"signoff trace {run.trace if traced else turn.session_id}",
        run.trace,
    )


def _prompts(of: Period, name: Naming) -> ReportSection:
    rows = [
        (
            name(one.prompt) or "-",
            one.digest[:12] or "-",
            name(", ".join(one.agents)) or "-",
            count_text(one.runs),
            interval(one.succeeded),
            money(one.nano_usd),
            count_text(one.tokens),
            count_text(one.iterations),
            count_text(one.good.part),
            count_text(one.good.whole - one.good.part),
            interval(one.good),
        )
        for one in of.prompts
    ]
    headings = (
        "prompt",
        "digest",
        "agents",
        "runs",
        "succeeded",
        "cost a run",
        "tokens a run",
        "model calls",
        "good",
        "bad",
        "rated good",
    )
    words = ("prompt", "digest", "agents")
    parts: list[Table | Chart | LargeFigure] = (
        [_table("Prompt versions", headings, rows, words, code=("digest",))] if rows else []
    )
    if any(one.good.whole for one in of.prompts):
        parts.insert(0, charts.ratings(of.prompts, name))
    lead = (
        "In brackets: between which shares the true one lies in 95 of 100 cases. Where two overlap, nothing is shown yet. "
        "A run counts for the prompt that its conversation has now."
    )
    return ReportSection("prompts", "Prompt versions", lead, "No prompt was used.", parts)


def _shadows(of: Period, name: Naming) -> ReportSection:
    def row(one: ShadowVersion) -> Sequence[str]:
        writes = (one.writes.get(kind, 0) for kind in ("same", "other arguments", "other tools", "contested"))
        counts = map(count_text, (one.unrecorded, *writes))
        compared = [
            f"{tell(own)} / {tell(real)}"
            for tell, own, real in (
                (money, one.own.nano_usd, one.real.nano_usd),
                (count_text, one.own.tokens, one.real.tokens),
                (count_text, one.own.iterations, one.real.iterations),
            )
        ]
        shares = (interval(one.well), interval(one.real_well))
        ends = (count_text(one.given_up), count_text(one.charged_tokens))
        return (name(one.prompt) or "-", one.digest[:12] or "-", count_text(one.runs), *shares, *counts, *compared, *ends)

    headings = (
        *("prompt", "digest", "runs", "went well", "as people saw them", "nothing on record"),
        *("same writes", "other arguments", "other writes", "contested"),
        *("cost a run", "tokens a run", "model calls", "given up", "tokens spent"),
    )
    rows = [row(one) for one in of.shadows]
    parts: list[Table | Chart | LargeFigure] = (
        [_table("Shadow runs", headings, rows, ("prompt", "digest"), code=("digest",))] if rows else []
    )
    lead = (
        "Versions that answered turns of real conversations once more, hidden and without any write. A run that asked what "
        "nobody had asked before read no answer: nobody can tell how it would have gone. A figure before the slash is that of "
        "the hidden run."
    )
    return ReportSection("shadows", "Shadow runs", lead, "No version ran hidden.", parts)


def _table(
    caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[str] = (), code: Sequence[str] = ()
) -> Table:
    more = f", the first {MOST_TABLE_ROWS} of {len(rows)}" if len(rows) > MOST_TABLE_ROWS else ""
    return Table(caption + more, headings, rows[:MOST_TABLE_ROWS], frozenset(words), frozenset(code))


def heading(of: Period) -> str:
    """Return what the page is about, in a sentence or two."""
    cut = f" Only the newest were read of: {', '.join(of.cut)}." if of.cut else ""
    return f"From {moment(of.since)} to {moment(of.until)} UTC. It holds ids, names, counts and times, and nobody's words.{cut}"
