"""A past session as a case: what people said and clicked, what the model did, and what its tools answered. Pure.

A click follows what was said before it, and a message what it was said after: messages that came while the bot was at work come
when it rests. What a case cannot hold is named in `left_out`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.conversation_log.kept_words import each_text
from agent.reports.run_tree import Committed
from agent.reports.runs import Run
from agent.session.steps import (
    ActionDecided,
    Asked,
    Attached,
    Edited,
    Granted,
    OutcomeTold,
    Recalled,
    Stopped,
    ToolReturned,
    Voted,
)
from agent.tool.definition import Effect
from agent.types import Pinned, Place
from bot.config.refusal import Refusal
from bot.eval.cases import Calls, Case, Joins, Line, Play, Wanted, World
from bot.eval.past_reading import CallRead, Reading
from bot.eval.recorded import Recorded, StandIn

PEOPLE = ("ann", "ben", "cleo", "dan")  # of the sandbox
PLACE = "support"  # a channel that all four are in


@dataclass(frozen=True, slots=True)
class Past:
    """A session as a case. Ids of its people are those of production: `renamed` puts names in their place."""

    talk: Sequence[Line]
    plays: Sequence[Play]
    wanted: Sequence[Wanted]
    asks: Sequence[str]
    recorded: Recorded
    people: Mapping[str, str]  # name in the sandbox by id
    direct: bool
    left_out: Sequence[str]

    def case(self, name: str, about: Sequence[str], rubric: str) -> Case:
        """Return it as a case."""
        joins = [Joins(name=name, channels=[PLACE]) for name in self.people.values() if name not in PEOPLE]
        return Case(
            case=name,
            about=about,
            world=World(place="dm" if self.direct else PLACE, joins=joins),
            talk=self.talk,
            plays=self.plays,
            calls=Calls(must=self.wanted),
            asks=self.asks,
            rubric=rubric,
            recorded=self.recorded,
        )


def until_turn(log: Iterable[Committed], turn: int | None) -> Sequence[Committed]:
    """Return the log up to the end of this turn; None: all of it."""
    kept, number = list[Committed](), 0
    for each in log:
        number += isinstance(each.step, Asked | OutcomeTold)
        if turn is not None and number > turn:
            break
        kept.append(each)
    return kept


def past_of_run(run: Run, turn: int | None) -> Past:
    """Return a session as it was read, up to the end of this turn. Raises Refusal for one that cannot be played again."""
    if run.unread:
        raise Refusal(f"{run.unread} steps of {run.session_id} are of another version of Signoff: replay it with that one.")
    log = until_turn(run.log, turn)
    if run.pinned is None or not any(isinstance(each.step, Asked) for each in log):
        raise Refusal(f"Nothing was asked in {run.session_id} yet: name another conversation.")
    team, channel, thread_ts = run.session_id.split(":")
    return past_of(log, run.pinned, Place(team=team, channel=channel, thread_ts=thread_ts))


def past_of(log: Sequence[Committed], pinned: Pinned, place: Place) -> Past:
    """Return a session by its log."""
    reading = Reading()
    asked = [(number, each.step) for number, each in enumerate(log) if isinstance(each.step, Asked) and not each.step.goes_on]
    for number, each in enumerate(log):
        if isinstance(each.step, ActionDecided | Voted | Edited | Stopped):
            reading.say_before([said for later, step in asked if later > number for said in step.said], each.at)
        reading.take(each.step)
    calls, people = list(reading.calls.values()), _names_of_people(reading.ids)
    return Past(
        talk=[line.model_copy(update={"who": people[line.who]}) if line.who else line for line in reading.lines],
        plays=reading.plays,
        wanted=[_wanted(call) for call in calls],
        asks=[call.call.tool for call in calls for _ in range(call.cards)],
        recorded=Recorded(tools=list(_pinned_tools(pinned, reading)), calls=[one for call in calls for one in call.recorded()]),
        people=people,
        direct=place.direct,
        left_out=list(_left_out(log)),
    )


def renamed(value: Any, people: Mapping[str, str]) -> Any:
    """Return JSON with names of the sandbox for ids of people in its texts, as cases write them."""
    return with_names(value, {id: f"${name}" for id, name in people.items()})


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """Return JSON with other names for these in its texts."""
    named = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    return each_text(value, lambda text: named.sub(lambda match: names[match[0]], text)) if names else value


def _names_of_people(ids: Iterable[str]) -> Mapping[str, str]:
    return {id: PEOPLE[number] if number < len(PEOPLE) else f"person{number + 1}" for number, id in enumerate(ids)}


def _wanted(call: CallRead) -> Wanted:
    outcome = call.results[-1][0] if call.results else call.ended or None
    return Wanted.model_validate({"tool": call.call.tool, "arguments": call.call.arguments, "outcome": outcome})


def _pinned_tools(pinned: Pinned, reading: Reading) -> Iterator[StandIn]:
    """Yield the stand-ins. What a tool does follows from how it was called; one that never was runs unasked, and says so."""
    order = list(Effect)
    for told in pinned.tools:
        if "input_schema" not in told:  # the provider's own search
            continue
        effects = [call.effect for call in reading.calls.values() if call.call.tool == told["name"]]
        kept = {name: told[name] for name in ("name", "description", "input_schema") if name in told}
        known = {"effect": max(effects, key=order.index, default=Effect.READ), "searched": bool(told.get("defer_loading"))}
        yield StandIn.model_validate({**kept, **known})


def _left_out(log: Iterable[Committed]) -> Iterator[str]:
    """Yield sentences about what was there and cannot be brought back."""
    steps = [each.step for each in log]
    files = sum(isinstance(step, Attached) for step in steps)
    images = sum(len(step.images) for step in steps if isinstance(step, ToolReturned))
    recalled = sum(bool(step.text) for step in steps if isinstance(step, Recalled))
    if files:
        yield f"Files that people attached are not there again ({files})."
    if images:
        yield f"Images that tools returned are not there again ({images})."
    if recalled:
        yield f"What memory recalled is not there again (in {recalled} turns)."
    if any(isinstance(step, Granted) for step in steps):
        yield "Standing permissions are not given again: the person who gave one approves each of its calls."
