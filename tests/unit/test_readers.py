"""Who reads along, where Slack's answers are odd. Whole histories of workspaces are in `tests/leaks`."""

from random import Random
from typing import Any, cast

import pytest

from agent.memory.items import Audience
from agent.types import Place
from bot.slack.readers import SlackReaders
from tests.leaks.slack import Answer, Slack
from tests.leaks.world import Room, World


class Calm(Random):
    """Slack answers everything, and hides nobody."""

    def random(self) -> float:
        """See `Random.random`."""
        return 0.99


def workspace() -> tuple[World, Slack, SlackReaders]:
    """Two members: both in a public channel and in a private one, and the direct message of one."""
    both = frozenset({"M0", "M1"})
    rooms = {
        "C0": Room("public", "general", both),
        "C1": Room("private", "board", both),
        "D0": Room("im", "@m0", frozenset({"M0"})),
    }
    world = World({"M0": "member", "M1": "member", "X0": "external"}, rooms)
    slack = Slack(world, "T1", Calm(1))
    return world, slack, SlackReaders(cast(Any, slack), "T1", lambda: world.clock)


async def audience(readers: SlackReaders, channel: str) -> Audience:
    """Of a thread in this channel."""
    return await readers.audience(Place(team="T1", channel=channel, thread_ts="1.0"))


async def test_whom_slack_does_not_show_is_no_member() -> None:
    world, slack, readers = workspace()
    assert await audience(readers, "C1") == Audience(frozenset({"C0", "C1"}), everybody=True)
    world.room("C1", members=frozenset({"M0", "U9"}))  # whom the list of people does not name
    world.clock += 61
    slack.hidden = frozenset({"U9"})
    assert await audience(readers, "C1") == Audience(frozenset({"C1"}))


async def test_a_direct_message_without_a_person_is_told_what_was_said_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, slack, readers = workspace()
    call = slack.api_call

    async def without_user(method: str, **more: Any) -> Answer:
        answer = await call(method, **more)
        answer.data.get("channel", {}).pop("user", None)
        return answer

    monkeypatch.setattr(slack, "api_call", without_user)
    assert await audience(readers, "D0") == Audience(frozenset({"D0"}))


async def test_a_person_who_is_gone_has_no_channels() -> None:
    world, slack, readers = workspace()
    assert (await audience(readers, "D0")).everybody
    world.clock += 61
    slack.hidden = frozenset({"M0"})
    assert not (await audience(readers, "D0")).everybody


async def test_what_is_concluded_is_never_older_than_a_minute() -> None:
    world, _, readers = workspace()
    await audience(readers, "D0")  # asks where the bot is
    world.clock += 50
    await audience(readers, "C1")
    world.room("C0", kind="private")
    world.clock += 50
    assert "C0" not in (await audience(readers, "C1")).channels


async def test_what_was_asked_within_the_minute_is_not_asked_again() -> None:
    world, slack, readers = workspace()
    before = await audience(readers, "C1")
    slack.refusing = dict.fromkeys(("users.conversations", "conversations.info", "conversations.members", "users.list"), "lost")
    world.clock += 59
    assert await audience(readers, "C1") == before
    world.clock += 2
    assert await audience(readers, "C1") == Audience(frozenset({"C1"}))
