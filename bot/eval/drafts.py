"""A conversation from production as the draft of a golden case: masked, for a person to finish."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString, cast

import yaml

from agent.cases.candidate import Candidate, CaseCalled, CaseTurn
from agent.cases.reading import conversation_until
from agent.masking import Masker
from agent.reports.runs import session_named
from agent.store.fenced import Pool, rows
from agent.trace_ids import spelled, trace_id
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.stores.database import connected_pool

PEOPLE = ("ann", "ben", "cleo", "dan")  # of the sandbox
CLICKS: Mapping[str, str] = {"approved": "approve", "rejected": "reject", "expired": "expire"}
NOT_RUN = frozenset({"rejected", "expired", "withdrawn"})
RESULT_CHARACTERS = 300
HEAD = """\
# A draft from trace {trace}. Finish it: name it, say what any good model has to do (`calls`, `state`, `answer`), correct
# `plays` to what the best one would do, and write the rubric. Results of tools are those of production, masked: bring the
# database of the case to where they are true (`world.sql`). Ids of people are gone; look for names that masking does not know.
"""
TURNS: LiteralString = "SELECT count(*) FROM step WHERE session_id = %(id)s AND kind IN ('asked', 'outcome_told')"
WRONG: LiteralString = """
SELECT turn, words ->> 'wrong', words ->> 'instead' FROM candidate_case WHERE session_id = %(id)s ORDER BY at DESC LIMIT 1
"""


def add_case(settings: Settings, config: Config, named: str, file: Path) -> None:
    """Append the draft of a case to a file: the conversation of a link, a session or a trace, up to the turn that a trace names,
    or that somebody called wrong, or its last one. Raises Refusal."""
    written = asyncio.run(_draft_of(settings, config, named.strip()))
    try:
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(f"{before}\n{written}" if before else written, "utf-8")
    except OSError as error:
        raise Refusal(f"{file} cannot be written ({error.strerror}): name a file in a folder that you may write to.") from None


async def _draft_of(settings: Settings, config: Config, named: str) -> str:
    async with connected_pool(settings) as pool:
        async with pool.connection() as connection:
            found = await session_named(connection, named)
        if found is None:
            raise Refusal(f"No conversation is known by {named}: give a link to a message in it, its session or a trace.")
        turn, wrong, instead = await _turn_meant(pool, found.session_id, found.trace_id)
        masker = Masker(config.masking.wanted())
        try:
            conversation, _ = await conversation_until(pool, masker, found.session_id, turn)
        finally:
            masker.end()
        return written_draft(conversation, spelled(trace_id(found.session_id, turn)), wrong, instead)


async def _turn_meant(pool: Pool, id: str, trace: str | None) -> tuple[int, str, str]:
    """Return the turn, what somebody said is wrong with it, and what it should have said."""
    [(last,)] = await rows(pool, TURNS, {"id": id})
    said = await rows(pool, WRONG, {"id": id})
    if trace is not None:
        [turn] = [turn for turn in range(1, last + 1) if spelled(trace_id(id, turn)) == trace] or [last]
        return (turn, str(said[0][1] or ""), str(said[0][2] or "")) if said and said[0][0] == turn else (turn, "", "")
    return (int(said[0][0]), str(said[0][1] or ""), str(said[0][2] or "")) if said else (int(last), "", "")


# ---------------------------------------------------------------------------------------------- the draft. Pure from here on


def written_draft(conversation: Candidate, trace: str, wrong: str = "", instead: str = "") -> str:
    """Return the YAML of a case."""
    names = _names_of(conversation)
    calls = [call for each in conversation.turns for call in each.calls]
    rubric = " ".join(
        part for part in (f"Wrong was: {wrong}" if wrong else "", f"It should say: {instead}" if instead else "") if part
    )
    case: dict[str, Any] = {
        "case": "to-be-named",
        "about": ["from-production"],
        "talk": [line for each in conversation.turns for line in _talk(each, names)],
        "plays": [play for each in conversation.turns for play in _plays(each)],
        "calls": {"must": [_wanted(call) for call in calls]},
        "asks": [call.tool for call in calls if call.decisions],
        "answer": {"says": [], "never": []},
        "rubric": rubric or "To be written: what a good answer says here.",
    }
    text = yaml.safe_dump([case], sort_keys=False, allow_unicode=True, width=120)
    results = "".join(f"# {call.tool} said: {_one_line(call.result)}\n" for call in calls if call.result)
    return _renamed(HEAD.format(trace=trace) + text + results, names)


def _names_of(conversation: Candidate) -> Mapping[str, str]:
    """Return a name of the sandbox for each person, in the order in which they come; more people share the last one."""
    ids: dict[str, None] = {}
    for turn in conversation.turns:
        ids |= dict.fromkeys(said.by for said in turn.said if said.by)
        ids |= dict.fromkeys(decision.by for call in turn.calls for decision in call.decisions if decision.by)
    return {id: PEOPLE[min(number, len(PEOPLE) - 1)] for number, id in enumerate(ids)}


def _talk(turn: CaseTurn, names: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for said in turn.said:
        if said.by:
            yield {"who": names[said.by], "says": said.text}
    for call in turn.calls:
        clicked: set[str] = set()  # what settles a call may stand beside the vote that it came of
        for decision in call.decisions:
            does = CLICKS.get(decision.outcome)
            if does is not None and not (decision.settled and decision.by in clicked):
                clicked.add(decision.by)
                who = {} if does == "expire" else {"who": names[decision.by]}
                yield {**who, "does": does, "tool": call.tool, **({"reason": decision.reason} if decision.reason else {})}


def _plays(turn: CaseTurn) -> Iterator[Mapping[str, Any]]:
    for call in turn.calls:
        yield {"calls": [{call.tool: _given(call)}]}
    if turn.answer:
        yield {"say": turn.answer}


def _wanted(call: CaseCalled) -> Mapping[str, Any]:
    ended = next((each.outcome for each in reversed(call.decisions) if each.outcome in NOT_RUN), None)
    return {"tool": call.tool, "arguments": _given(call), "outcome": call.outcome or ended}


def _given(call: CaseCalled) -> Mapping[str, Any]:
    given: Any = call.arguments
    return cast(Mapping[str, Any], given) if isinstance(given, dict) else {}


def _one_line(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= RESULT_CHARACTERS else f"{short[:RESULT_CHARACTERS]}…"


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text with the names of the sandbox for ids of people, as cases write them."""
    for id, name in names.items():
        text = text.replace(id, f"${name}")
    return text
