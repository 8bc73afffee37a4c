"""The people of a case: they say and click what its lines tell, each once the bot has come to rest."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from bot.eval.cases import Line, World
from bot.sandbox.slack.pressing import pressed
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.types import Message, View

LOOK_SECONDS = 0.01  # between two looks at the stores
PATIENCE_SECONDS = 120.0  # until it counts as hanging

# What is held, due, or taken in and not looked at yet. What may wait behind an open card stays in the inbox.
RESTLESS: LiteralString = """
SELECT EXISTS (SELECT FROM session WHERE lease_until IS NOT NULL OR wake_at <= now())
    OR EXISTS (SELECT FROM action WHERE status IN ('approved', 'running') OR status = 'pending' AND expires_at <= now())
    OR EXISTS (SELECT FROM inbox WHERE taken_at IS NULL AND NOT EXISTS (
        SELECT FROM action WHERE action.session_id = inbox.session_id AND status = 'pending'))
"""
OPEN: LiteralString = """
SELECT action.id FROM action JOIN step ON step.session_id = action.session_id AND step.kind = 'proposed_action'
    AND step.body ->> 'action_id' = action.id
WHERE status = ANY (%s) AND (%s = '' OR action.body ->> 'tool' = %s) AND (action.body -> 'arguments')::jsonb @> %s
ORDER BY made_at, seq
"""
EXPIRED: LiteralString = "SELECT coalesce(extract(epoch FROM max(decided_at)), 0)::float FROM action WHERE status = 'expired'"
LONG_AGO: LiteralString = "UPDATE action SET started_at = started_at - interval '1 h' WHERE id = %s RETURNING id"
MARK: LiteralString = """
SELECT status, (SELECT count(*) FROM vote WHERE action_id = action.id) FROM action WHERE id = %s
"""


class NotAsPlayedError(Exception):
    """The case could not go on: what a line needs is not there. Its words say what."""


@dataclass
class People:
    """Everybody in the workspace of one case.

    Wide because each method is one thing that people do or look at.
    """

    slack: SlackSandbox
    pool: AsyncConnectionPool[Any]
    world: World
    channel: str = ""  # of the conversation, once it has begun
    thread: str = ""
    called: bool = False  # whether the bot is in it
    threads: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # of all conversations of the case
    heard: int = 0  # how many posts of the bot there were when the last line began
    told: int = 0  # likewise of what it showed to one person alone

    async def act(self, line: Line, text: Callable[[str], str]) -> None:
        """Do what a line says, and wait until the bot rests. `text` fills in ids. Raises NotAsPlayedError, but for a click that
        is made only where it can be."""
        try:
            await self._do(line, text)
        except NotAsPlayedError:
            if not line.if_there:
                raise
        await self.rest()

    async def _do(self, line: Line, text: Callable[[str], str]) -> None:
        self.heard, self.told = len(self.posts()), len(self.asides())
        match line.does:
            case "say" | "chat":
                await self._say(line, text(line.says), [(name, text(body).encode()) for name, body in line.files.items()])
            case "approve" | "review" | "reject" | "edit":
                await self._decide(line, {label: value for label, value in line.to.items()})
            case "withdraw" | "continue":
                await self._press(line.who, line.does)
            case "happened" | "run_again" | "leave":
                [action, *_] = await self._actions(("unknown",), line) or [""]
                if line.does == "run_again":  # which is refused as long as the first run may be under way
                    await self._fetch(LONG_AGO, action)
                await self._press(line.who, line.does, action)
            case "stop":
                await self.slack.stop_session(line.who, self.channel, self.thread)
            case "expire":
                await self.until(self._nothing_waits, "a card that nobody decides is still open")
                [(over,)] = await self._fetch(EXPIRED)  # maybe before this line began
                self.heard = sum(float(message.ts) < over for message in self.posts())

    async def rest(self) -> None:
        """Wait until the bot has nothing left to do."""
        await self.until(self._rests, "the bot does not come to rest")

    def posts(self) -> Sequence[Message]:
        """Return what the bot has posted in the conversations of the case, in order."""
        said = [message for channel, thread in self.threads for message in self.slack.thread(channel, thread)]
        return sorted((message for message in said if message.bot_id), key=lambda message: float(message.ts))

    def asides(self) -> Sequence[Message]:
        """Return what the bot has shown to one person alone, in order."""
        shown = [message for person in self.slack.people for message in self.slack.ephemerals(person)]
        return sorted(shown, key=lambda message: float(message.ts))

    async def _say(self, line: Line, words: str, files: Sequence[tuple[str, bytes]]) -> None:
        in_thread = None if line.place else self.thread or None
        if in_thread is None:
            place = line.place or self.world.place
            self.channel = self.slack.dm_channel(line.who) if place == "dm" else self.slack.channels[place]
            self.called = place == "dm"
        calls = line.does == "say" and not self.called
        said = await (self.slack.mention if calls else self.slack.say)(
            line.who, self.channel, words, thread_ts=in_thread, files=files
        )
        self.called = self.called or calls
        if in_thread is None:
            self.thread = said
            self.threads.append((self.channel, said))

    # ------------------------------------------------------------------------------------------ cards

    async def _decide(self, line: Line, to: Mapping[str, Any]) -> None:
        open_now = await self._actions(("pending",), line)
        if len(open_now) < line.number:
            raise NotAsPlayedError(
                f"{line.who} was to {line.does} card {line.number} of {line.tool or 'any tool'}{_with(line.card)}: it never came"
            )
        action = open_now[line.number - 1]
        before, told = await self._votes(action), len(self.slack.ephemerals(line.who)) + len(self.slack.failures(line.who))
        await self._press_on_card(line, action)
        if line.does != "approve":
            view = await self._dialog(line)
            inputs = {"reason": line.reason} if line.does == "reject" and line.reason else {}
            inputs |= {_input_of(view, label): value for label, value in to.items()}
            answer = await self.slack.submit(line.who, view.id, inputs)
            if not answer.closed:
                raise NotAsPlayedError(f"the dialog of {line.does} was not taken: {answer}")

        async def counted() -> bool:
            is_told = len(self.slack.ephemerals(line.who)) + len(self.slack.failures(line.who)) > told
            return is_told or await self._votes(action) != before

        await self.until(counted, f"the click of {line.who} has no effect")

    async def _press_on_card(self, line: Line, action: str) -> None:
        """Press what the line does: on the card, or in the dialog that shows the actions of a message one by one."""
        card = self._card_of(action, line.does)
        while (left := self.slack.view(line.who)) is not None:
            await self.slack.close_view(line.who, left.id)
        if (found := pressed(card.blocks, line.does, action)) is not None:
            await self.slack.click(line.who, card.channel, card.ts, **found)
            return
        if pressed(card.blocks, "one_by_one") is not None:
            await self.slack.click(line.who, card.channel, card.ts, "one_by_one")
            view = await self._dialog(line)
            if (found := pressed(view.blocks, line.does, action)) is not None:
                await (await self.slack.click_in_view(line.who, view.id, **found))
                return
        raise NotAsPlayedError(f"{line.who} was to {line.does} {line.tool or 'a card'}: there is nothing to press for it")

    def _card_of(self, action: str, does: str) -> Message:
        for message in reversed(self.slack.workspace.messages[self.channel].values()):
            for block in message.blocks:
                if block.get("block_id") == f"decide:{action}":
                    return message
        raise NotAsPlayedError(f"the card to {does} is not to be seen")

    async def _dialog(self, line: Line) -> View:
        async def shown() -> bool:
            return self.slack.view(line.who) is not None

        await self.until(shown, f"no dialog opens for {line.who}")
        view = self.slack.view(line.who)
        assert view is not None
        return view

    async def _press(self, who: str, button: str, value: str | None = None) -> None:
        """Press the newest button of this kind."""
        for message in reversed(self.posts()):
            buttons = [one for block in message.blocks for one in block.get("elements", ()) if one.get("action_id") == button]
            if buttons and (value is None or any(one.get("value") == value for one in buttons)):
                await (await self.slack.click(who, message.channel, message.ts, button, value=value))
                return await self.rest()
        raise NotAsPlayedError(f"{who} was to press {button!r}: there is no such button")

    # ------------------------------------------------------------------------------------------ looking

    async def _actions(self, statuses: Sequence[str], line: Line) -> Sequence[str]:
        return [id for (id,) in await self._fetch(OPEN, list(statuses), line.tool, line.tool, Jsonb(dict(line.card)))]

    async def _votes(self, action: str) -> Any:
        return await self._fetch(MARK, action)

    async def _rests(self) -> bool:
        if self.slack.delivering:
            return False
        [(restless,)] = await self._fetch(RESTLESS)
        return not restless

    async def _nothing_waits(self) -> bool:
        return not await self._fetch("SELECT FROM action WHERE status = 'pending'")

    async def _fetch(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, values)).fetchall()

    async def until(self, condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Wait until something is so. Raises NotAsPlayedError."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await condition():  # noqa: ASYNC110  # the stores tell nobody of their rows
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise NotAsPlayedError(otherwise) from None


def _with(arguments: Mapping[str, Any]) -> str:
    return " with " + ", ".join(f"{name} {value!r}" for name, value in arguments.items()) if arguments else ""


def _input_of(view: View, label: str) -> str:
    """Return the block of a dialog's input with this label. Raises NotAsPlayedError."""
    for block in view.blocks:
        if block["type"] == "input" and re.fullmatch(re.escape(label), block["label"]["text"], re.IGNORECASE):
            return str(block["block_id"])
    there = ", ".join(block["label"]["text"] for block in view.blocks if block["type"] == "input")
    raise NotAsPlayedError(f"the form has no field {label!r}; it has: {there}")
