"""Bugs to plant into a bot of a long run: each takes away one thing that keeps a promise, within its process alone.

A process plants the one that its environment names (`tests.chaos.bot_process`); nothing of the bot itself knows of that.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.decide.move_outcome import Ended
from agent.decide.moves import Cards
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.run import tool_effects
from agent.run.people_effects import PeopleEffects
from agent.run.tool_effects import ToolEffects
from agent.session.inbox import Click
from agent.session.steps import ToolReturned
from agent.store import sessions
from agent.store.sessions import Store
from agent.tool import definition as tool
from agent.tool.definition import Result, failed
from agent.types import Call
from bot.slack.one_person import OnePerson
from bot.slack.streams import Streams
from bot.slack.surface import SlackSurface

PLANT = "CHAOS_PLANT"  # in the environment of a process: the name of its bug
TS_OF_NOTHING = "1.000001"


@dataclass(frozen=True, slots=True)
class Bug:
    """`found`: what the judge says of it, as a pattern. `methods`: of Slack, those that fail meanwhile; none: all."""

    plant: Callable[[], None]
    found: str
    methods: Sequence[str] = ()


def instead_of(owner: Any, name: str, other: Any) -> None:
    """Put another function, or another value, in the place of one that is there."""
    assert hasattr(owner, name)
    setattr(owner, name, other)


# ------------------------------------------------------------------------------------------------ what runs


def an_unclear_write_is_run_again() -> None:
    """As clients do that try again."""
    unclear = ToolEffects._unclear  # pyright: ignore[reportPrivateUsage]

    async def again(self: ToolEffects, call: Call, definition: tool.Tool, arguments: Any, context: Any, into: Any) -> Ended:
        result = await tool.run(definition, arguments, context)
        if result.unclear or not result.begun:
            return await unclear(self, call, definition, arguments, context, into)
        return await self._returned(call, result, context, into)  # pyright: ignore[reportPrivateUsage]

    instead_of(ToolEffects, "_unclear", again)


# ------------------------------------------------------------------------------------------------ what the model hears of it


def as_what(outcome: Any, result: Result) -> Callable[[Call], Ended]:
    """Tell this of a call whose outcome is not known."""
    return lambda call: Ended((ToolReturned(call_id=call.id, outcome=outcome, text=result.text()),))


def an_unclear_write_is_told_as_not_run() -> None:
    """An exception is taken for a refusal."""
    not_run = failed("unexpected", "Nothing was run: the server could not be reached.")
    instead_of(tool_effects, "_unknown", as_what("refused", not_run))


def an_unclear_write_is_told_as_done() -> None:
    """No news is good news."""
    instead_of(tool_effects, "_unknown", as_what("succeeded", Result(ok=True, result={"done": True})))


def a_failed_write_is_told_as_unknown() -> None:
    """Whatever is no success is unclear."""
    returned = ToolEffects._returned  # pyright: ignore[reportPrivateUsage]

    async def told(self: ToolEffects, call: Call, result: Result, *rest: Any, **more: Any) -> Ended:
        if not result.ok and result.begun:
            return tool_effects._unknown(call)  # pyright: ignore[reportPrivateUsage]
        return await returned(self, call, result, *rest, **more)

    instead_of(ToolEffects, "_returned", told)


# ------------------------------------------------------------------------------------------------ what is read


def a_refused_post_counts_as_posted() -> None:
    """One try, and no look at what came back."""
    post = SlackSurface.post

    async def tried(self: SlackSurface, *arguments: Any) -> str:
        try:
            return await post(self, *arguments)
        except RefusedError:
            return TS_OF_NOTHING

    instead_of(SlackSurface, "post", tried)


def what_a_place_does_not_take_is_told_nowhere() -> None:
    """The thread is the only place there is."""

    async def say_nothing(self: OnePerson, *arguments: Any) -> None:
        return None

    instead_of(OnePerson, "say_elsewhere", say_nothing)


def a_rejected_card_keeps_its_buttons() -> None:
    """Only what ran is drawn anew."""
    show = SlackSurface.show

    async def shown(self: SlackSurface, place: Any, cards: Cards, ts: str) -> None:
        if any(row.look not in ("rejected", "withdrawn", "edited") for row in cards.rows):
            await show(self, place, cards, ts)

    instead_of(SlackSurface, "show", shown)


def a_stream_is_left_to_slack_to_end() -> None:
    """It shows all there is to read."""

    async def stop(self: Streams, place: Any, ts: str, **last: Any) -> bool:
        if last.get("chunks"):
            await self._call("chat.appendStream", channel=place.channel, ts=ts, chunks=last["chunks"])  # pyright: ignore[reportPrivateUsage]
        return True

    instead_of(Streams, "_stop", stop)


# ------------------------------------------------------------------------------------------------ clicks


def a_click_counts_twice() -> None:
    """A vote is counted as it is written, and as it is read."""
    once = "open.needed <= 1 + ("
    assert once in sessions.SETTLE
    instead_of(sessions, "SETTLE", sessions.SETTLE.replace(once, "open.needed <= 2 + ("))


def a_click_is_dropped_while_nobody_says_who_may() -> None:
    """Trouble is taken for a "no"."""
    judge = PeopleEffects.judge_click

    async def judged(self: PeopleEffects, move: Any, *rest: Any) -> Ended:
        try:
            return await judge(self, move, *rest)
        except (DelayedError, UnclearError):
            return Ended(inbox_ids=(move.inbox_id,))

    instead_of(PeopleEffects, "judge_click", judged)


def every_third_click_is_not_written() -> None:
    """Slack hears "received" all the same."""
    receive, count = Store.receive, itertools.count(1)

    async def written(self: Store, place: Any, key: str, received: Any, *, opens: bool) -> bool:
        if isinstance(received, Click) and next(count) % 3 == 0:
            return True
        return await receive(self, place, key, received, opens=opens)

    instead_of(Store, "receive", written)


MEMBERS = ("users.info", "conversations.members")
BUGS: dict[str, Bug] = {
    "an unclear write is run again": Bug(an_unclear_write_is_run_again, r"ran \d+ times; \d+ clicks wanted it again"),
    "an unclear write is told as not run": Bug(an_unclear_write_is_told_as_not_run, "and is called not run"),
    "an unclear write is told as done": Bug(an_unclear_write_is_told_as_done, "did not run, and is called done"),
    "a failed write is told as unknown": Bug(a_failed_write_is_told_as_unknown, "was answered, and is called unknown"),
    "a refused post counts as posted": Bug(
        a_refused_post_counts_as_posted, f"nobody reads .* posted at {TS_OF_NOTHING}", ("chat.postMessage",)
    ),
    "what a place does not take is told nowhere": Bug(
        what_a_place_does_not_take_is_told_nowhere, "nobody reads .* which Slack refused", ("chat.postMessage",)
    ),
    "a rejected card keeps its buttons": Bug(a_rejected_card_keeps_its_buttons, "(approve|review) can still be clicked"),
    "a stream is left to Slack to end": Bug(a_stream_is_left_to_slack_to_end, "still grows", ("chat.getPermalink",)),
    "a click counts twice": Bug(a_click_counts_twice, r"ran, and only \{.*\} approved it"),
    "a click is dropped while nobody says who may": Bug(
        a_click_is_dropped_while_nobody_says_who_may, "was taken at .* and changed nothing", MEMBERS
    ),
    "every third click is not written": Bug(every_third_click_is_not_written, "lost before it was written"),
}


def plant(name: str) -> None:
    """Plant the bug of this name into this process; nothing where there is no name."""
    if name:
        BUGS[name].plant()
