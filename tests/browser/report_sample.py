"""A month of a busy team, made up by lot of a fixed seed: what the report's page is looked at with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from agent.reports.period.read import Period, PeriodRows, figures
from agent.reports.period.rows import CardRow, ModelCallRow, Rating, ToolRun, TurnRow

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = datetime(2026, 11, 30, 17, tzinfo=UTC)
AGENTS = ("assistant", "shop", "reports of the night shift")
HOSTILE = "<script>alert(1)</script>"
LINK = "<a href='//e'>a</a>"
TOOLS = (
    "create_order",
    "search_product_catalog",
    "mcp__git__log",
    HOSTILE,
    "{{ 7*7 }} %{x} ${y}",
    LINK,
)
RULES = ("orders above 500 dollars need two people of the back office", "default (one member approves each write call)", HOSTILE)
PROMPTS = (("assistant@1", "a" * 64), ("assistant@2", "b" * 64), ("shop@7", "c" * 64))
PEOPLE = tuple(f"U0{number:02}" for number in range(12))


def busy_month(seed: int = 1, sessions: int = 120) -> Period:
    """Return the figures of sessions with a few turns each."""
    lot = Random(seed)
    calls: list[ModelCallRow] = []
    turns: list[TurnRow] = []
    ratings: list[Rating] = []
    tools: list[ToolRun] = []
    cards: list[CardRow] = []
    for number in range(sessions):
        at = SINCE + timedelta(seconds=lot.uniform(0, (UNTIL - SINCE).total_seconds() - 86_400))
        session_id = f"T1:C{number % 9}:{at.timestamp():.6f}"
        agent, (prompt, digest) = lot.choice(AGENTS), lot.choice(PROMPTS)
        for turn in range(1, lot.randint(2, 4)):
            opened, seq = at + timedelta(minutes=turn), turn * 100
            ended = opened + timedelta(seconds=lot.expovariate(1 / 40))
            outcome = lot.choices(("success", "error", "stopped", "open"), (90, 5, 3, 2))[0]
            turns.append(TurnRow(session_id, turn, seq, opened, ended, outcome, agent, prompt, digest))
            count = min(10, 1 + int(lot.expovariate(1 / 2)))
            for call in range(count):
                tokens = int(lot.lognormvariate(7, 1))
                capped = call == 9
                calls.append(
                    ModelCallRow(
                        session_id, seq + 1 + call, opened, agent, lot.choice(PEOPLE), tokens, tokens * 4_000, True, capped
                    )
                )
                outcome = lot.choices(("succeeded", "failed", "unknown", "refused"), (90, 7, 1, 2))[0]
                seconds = None if outcome == "refused" else lot.lognormvariate(-1, 1.5)
                tools.append(ToolRun(lot.choice(TOOLS), outcome, seconds))
            if lot.random() < 0.4:
                decision = lot.choices(("approved", "rejected", "expired", "edited", ""), (70, 12, 8, 5, 5))[0]
                wait = lot.lognormvariate(3, 2.5)
                card = CardRow(session_id, opened, lot.choice(TOOLS), lot.choice(RULES), decision, wait if decision else None)
                if decision in ("approved", "rejected"):
                    card = replace(card, people=[lot.choice(PEOPLE[:4])], words=[decision], word_seconds=[wait])
                cards.append(card)
            if lot.random() < 0.3:
                value = lot.choices(("good", "bad"), (80, 20))[0]
                ratings.append(Rating(session_id, turn, value, prompt, digest))
    return figures(SINCE, UNTIL, PeriodRows(calls, turns, ratings, tools, cards))
