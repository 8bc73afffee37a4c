"""What goes wrong all the while: at Slack, at the model, at the servers of tools, and with the processes themselves."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from time import time

from tests.chaos.bookings import Bookings, odd, well
from tests.chaos.ledger import HangsUp, never
from tests.chaos.stage import BotProcess, Stage

SLACK_CODES: dict[str, Sequence[str]] = {
    "chat.postMessage": (
        *("invalid_blocks", "msg_blocks_too_long", "a_code_of_next_year", "is_archived", "restricted_action_thread_locked"),
        *("not_in_channel", "ratelimited", "internal_error", "channel_not_found"),
    ),
    "chat.update": ("cant_update_message", "edit_window_closed", "ratelimited", "internal_error", "invalid_blocks"),
    "chat.startStream": ("team_not_found", "ratelimited", "internal_error"),
    "chat.appendStream": ("ratelimited", "msg_too_long"),
    "chat.stopStream": ("invalid_blocks", "internal_error"),
    "chat.delete": ("cant_delete_message", "internal_error"),
    "chat.postEphemeral": ("user_not_in_channel", "ratelimited"),
    "conversations.members": ("channel_not_found", "internal_error", "ratelimited"),
    "conversations.replies": ("ratelimited", "internal_error"),
    "users.info": ("internal_error", "ratelimited"),
    "views.open": ("expired_trigger_id", "internal_error"),
    "agents.sessions.setStatus": ("internal_error", "ratelimited"),
    "chat.getPermalink": ("internal_error", "missing_scope"),
}
MODEL_REFUSALS = (
    "messages.1.content.0: it is not taken",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000, decrease input length or `max_tokens`",
)


@dataclass(frozen=True, slots=True)
class Away:
    """When a process was frozen, or from when it was dead, in seconds of the wall clock."""

    bot: str
    since: float
    until: float = inf


@dataclass
class Weather:
    """Troubles for as long as `storm` runs; a seeded Random decides. `methods` of Slack: those that fail, or all."""

    stage: Stage
    bookings: Bookings
    random: Random
    bots: list[BotProcess] = field(default_factory=list[BotProcess])
    methods: Sequence[str] = tuple(SLACK_CODES)
    away: list[Away] = field(default_factory=list[Away])
    ended: int = 0  # processes that ended as a deploy ends them: nothing is lost with them
    both: int = 0
    faults: int = 0

    async def storm(self) -> None:
        """Until it is cancelled."""
        self.bookings.mood = odd
        self.stage.ledger.hangs_up = self._hangs_up
        async with asyncio.TaskGroup() as troubles:
            for pause, trouble in ((1.2, self._slack), (3.0, self._model), (9.0, self._server), (12.0, self._processes)):
                troubles.create_task(self._again(pause, trouble))

    async def calm(self) -> None:
        """Everything is well again, and both processes are there."""
        self.bookings.mood = well
        self.stage.ledger.hangs_up = never
        self.stage.slack.faults.clear()
        self.stage.model.faults.clear()
        for bot in self.bots:
            bot.thaw()
        while len(self.bots) < 2:
            self.bots.append(await self.stage.start())

    async def _again(self, pause_seconds: float, trouble: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self.random.expovariate(1 / pause_seconds))  # the pace of trouble; nothing waits for it
            await trouble()

    def _hangs_up(self) -> HangsUp:
        return self.random.choices(("never", "before", "after"), (8, 1, 1))[0]

    async def _slack(self) -> None:
        slack, random = self.stage.slack, self.random
        method = random.choice(self.methods)
        self.faults += 1
        match random.randrange(10):
            case 0:
                slack.faults.rate_limit(method, retry_after=random.randint(1, 3))
            case 1:
                slack.faults.fail(method, random.choice((500, 502, 503)))
            case 2:
                slack.faults.fail_after(random.choice(("chat.postMessage", "chat.update", "chat.stopStream", "chat.startStream")))
            case 3:
                slack.faults.drop_after(random.choice(("chat.postMessage", "chat.update", "chat.stopStream", "chat.startStream")))
            case 4:
                slack.faults.late_ack(random.choice((0.1, 2.0)))
            case 5:
                slack.workspace.end_streams()  # as Slack does after some minutes
            case 6 if random.random() < 0.3:
                await slack.faults.disconnect(abrupt=random.random() < 0.5)
            case _:
                slack.faults.error(method, random.choice(SLACK_CODES[method]))

    async def _model(self) -> None:
        faults, random = self.stage.model.faults, self.random
        self.faults += 1
        troubles: Sequence[Callable[[], None]] = (
            lambda: faults.status(random.choice((413, 500, 502, 529))),
            lambda: faults.status(529, times=3),
            lambda: faults.rate_limit(1),
            lambda: faults.not_taken(random.choice(MODEL_REFUSALS), times=random.choice((1, 1, 2))),
            faults.reset,
            lambda: faults.cut_stream(random.randint(1, 8), clean=random.random() < 0.5),
            lambda: faults.error_in_stream(random.randint(1, 8)),
            faults.garbage,
            lambda: faults.slow(0.05),
        )
        random.choice(troubles)()

    async def _server(self) -> None:
        self.bookings.forget()

    async def _processes(self) -> None:
        """Kill one process or both, freeze one, or end one as a deploy does; then start what is missing."""
        drawn = self.random.random()
        if drawn < 0.1:
            await self._freeze(self.random.choice(self.bots))
            return
        gone = list(self.bots) if drawn < 0.3 else [self.random.choice(self.bots)]
        self.both += len(gone) == 2
        for bot in gone:
            self.bots.remove(bot)
            if drawn < 0.9:
                self.away.append(Away(bot.name, time()))
                bot.kill()
            else:
                self.ended += 1
                await bot.stop()
        while len(self.bots) < 2:
            self.bots.append(await self.stage.start())

    async def _freeze(self, bot: BotProcess) -> None:
        frozen_at = time()
        bot.freeze()
        try:
            await asyncio.sleep(self.random.choice((3.0, 12.0)))  # shorter and longer than its leases
        finally:
            bot.thaw()
            self.away.append(Away(bot.name, frozen_at, time()))
