"""Whatever happens in a thread, each card has one notice, and nothing that can be pressed is dead."""

import asyncio
from collections import Counter

from hypothesis import event, given
from hypothesis import strategies as st

from bot.config.manifest import read_manifest
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.slack.surface import SlackSurface
from bot.slack.web_api import open_client
from tests.dialog.any_thread import AnyThread
from tests.profiles import examples
from tests.unit.shown import TOOLS


async def play(seed: int, acts: int) -> tuple[list[str], Counter[str]]:
    """Let somebody ask, and then anything happen: what is wrong, and what has happened."""
    async with SlackSandbox(read_manifest(), numbered=True) as slack:
        client = open_client(slack.bot_token, slack.api_url)
        try:
            surface = SlackSurface(client, TOOLS, team=slack.team_id, url=slack.page_url, bot_user_id=slack.bot_user_id)
            thread = AnyThread(slack, surface, await slack.say("ann", slack.channels["orders"], "Please."), seed)
            thread.asks()
            for _ in range(acts):
                await thread.drive()
                if thread.wrong:
                    break
                thread.act()
            await thread.drive()
        finally:
            await client.session.close()  # pyright: ignore[reportOptionalMemberAccess]
    return thread.wrong, thread.seen


def test_one_notice_stands_and_nothing_is_dead() -> None:
    happened: Counter[str] = Counter()

    @examples(1)
    @given(seed=st.integers(0, 2**32), acts=st.integers(3, 25))
    def any_thread(seed: int, acts: int) -> None:
        wrong, seen = asyncio.run(play(seed, acts))
        happened.update(seen)
        for what in seen:
            event(what)
        assert wrong == []

    any_thread()
    assert happened.keys() >= {"deaths", "lost answers", "notices", "message", "night", "withdraw", "edit", "outcome"}, happened
