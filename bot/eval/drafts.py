"""A conversation from production as the draft of a golden case: masked, for a person to finish.

It brings its tools with it, by what they answered then (`bot.eval.recorded`): it is played without those of production.
"""

import asyncio
import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString

import yaml

from agent.cases.reading import conversation_until
from agent.conversation_log.kept_words import in_batches, masked_words
from agent.masking import WITHHELD, Masker, SeenValues
from agent.reports.runs import Run, run_of
from agent.store.fenced import Pool, rows
from agent.trace_ids import spelled, trace_id
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.eval.cases import Answer, Case, Ceilings
from bot.eval.past import Past, past_of_run, renamed
from bot.eval.recorded import Recorded
from bot.stores.database import connected_pool

HEAD = """\
# A draft from trace {trace}. Finish it: name it, say what any good model has to do (`calls`, `state`, `answer`), correct
# `plays` to what the best one would do, and write the rubric. It is played with the tools and results that stand in `recorded`,
# masked; without `recorded` with those of the set, once the database is where they are true (`world.sql`). Ids of people are
# gone; look for names that masking does not know.
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
            run = await run_of(connection, named)
        if run is None:
            raise Refusal(f"No conversation is known by {named}: give a link to a message in it, its session or a trace.")
        turn, wrong, instead = await _turn_meant(pool, run.session_id, run.trace_id)
        past = past_of_run(run, turn)
        masker = Masker(config.masking.wanted())
        try:
            _, seen = await conversation_until(pool, masker, run.session_id, turn)
            told = await _masked_case(masker, seen, _case_of(past, wrong, instead).model_dump(mode="json", exclude_defaults=True))
        finally:
            masker.end()
        return written_draft(told, past, run, turn)


async def _turn_meant(pool: Pool, id: str, trace: str | None) -> tuple[int, str, str]:
    """Return the turn, what somebody said is wrong with it, and what it should have said."""
    [(last,)] = await rows(pool, TURNS, {"id": id})
    said = await rows(pool, WRONG, {"id": id})
    if trace is not None:
        [turn] = [turn for turn in range(1, last + 1) if spelled(trace_id(id, turn)) == trace] or [last]
        return (turn, str(said[0][1] or ""), str(said[0][2] or "")) if said and said[0][0] == turn else (turn, "", "")
    return (int(said[0][0]), str(said[0][1] or ""), str(said[0][2] or "")) if said else (int(last), "", "")


async def _masked_case(masker: Masker, seen: SeenValues, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a case with its words masked, by the placeholders of its conversation. Tools are code, and stay as they are.

    Raises Refusal where something cannot be masked.
    """
    masked = list[Any]()
    for batch in in_batches(list(_words_of(told)), lambda words: words):
        found, seen = await masked_words(masker, seen, batch)
        masked += found
    if {"text": WITHHELD} in masked:
        raise Refusal("Something in this conversation cannot be masked: write the case by hand.")
    return _with_words(told, iter(masked))


# ---------------------------------------------------------------------------------------------- the draft. Pure from here on


def _case_of(past: Past, wrong: str, instead: str) -> Case:
    """Return the case that people have to finish. What a card showed stays behind: it is drawn anew."""
    says = [f"Wrong was: {wrong}" if wrong else "", f"It should say: {instead}" if instead else ""]
    rubric = " ".join(filter(None, says)) or "To be written: what a good answer says here."
    calls = [call.model_copy(update={"shown": None}) for call in past.recorded.calls]
    case = past.case("to-be-named", ["from-production"], rubric)
    iterations = max(Ceilings().iterations, len(past.plays))
    changed = {"recorded": Recorded(tools=past.recorded.tools, calls=calls), "ceilings": Ceilings(iterations=iterations)}
    return case.model_copy(update=changed)


def _parts_of(told: Mapping[str, Any]) -> Iterator[tuple[Any, Sequence[str]]]:
    """Yield each part of a case in which people, the model or tools speak, and the keys of what they say."""
    yield from ((line, ("says", "reason", "to", "files")) for line in told["talk"])
    for play in told["plays"]:
        yield play, ("say",)
        yield from ((call, tuple(call)) for call in play.get("calls", ()))  # by the tool's name
    yield from ((call, ("arguments",)) for call in told.get("calls", {}).get("must", ()))
    yield from ((call, ("arguments", "says")) for call in told["recorded"].get("calls", ()))


def _words_of(told: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Yield the words of each part."""
    yield from ([part.get(key) for key in keys] for part, keys in _parts_of(told))


def _with_words(told: Mapping[str, Any], words: Iterator[Sequence[Any]]) -> Mapping[str, Any]:
    """Return a case with other words, in the order of `_words_of`."""
    changed = copy.deepcopy(dict(told))
    for part, keys in _parts_of(changed):
        part.update({key: word for key, word in zip(keys, next(words), strict=True) if key in part})
    return changed


def written_draft(told: Mapping[str, Any], past: Past, run: Run, turn: int) -> str:
    """Return the YAML of a case; `told` is masked."""
    head = HEAD.format(trace=spelled(trace_id(run.session_id, turn)))
    case: dict[str, Any] = {**renamed(told, past.people), "answer": Answer().model_dump(mode="json")}
    case["recorded"] = case.pop("recorded")  # last: it is long
    text = yaml.safe_dump([case], sort_keys=False, allow_unicode=True, width=120)
    return head + text
