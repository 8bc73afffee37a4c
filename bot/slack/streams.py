"""Messages that grow, on chat.startStream, appendStream and stopStream.

Slack ends a stream after about five minutes, and keeps its message; then, and wherever it is not sure what the message shows, it
is replaced as a whole by chat.update. The key goes into its metadata only as it ends: a stream takes none when it begins.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agent.decide.moves import AnswerPart, Work
from agent.errors import RefusedError
from agent.tool.definition import Tools
from agent.types import Place
from bot.cards.messages import answer_blocks, answer_text, below_answer
from bot.cards.plan import plan_blocks, plan_text, stream_chunks
from bot.cards.values import Mask
from bot.slack.metadata import POSTED, metadata
from bot.slack.web_api import meaning

log = logging.getLogger(__name__)

SlackCall = Callable[..., Awaitable[Any]]


class Streams:
    """Begins, grows and ends messages, through the surface's own calls."""

    def __init__(self, call: SlackCall, tools: Tools, mask_in: Callable[[Place], Mask]) -> None:
        self._call, self._tools, self._mask_in = call, tools, mask_in
        self._offered = True
        self._not_in: set[str] = set()  # channels where Slack begins no stream of ours

    def offered_in(self, place: Place) -> bool:
        """Return whether a message can grow there, as far as is known."""
        return self._offered and place.channel not in self._not_in

    async def open(self, place: Place, reader: str, readers_team: str, work: Work) -> str:
        """See `Surface.open_stream`. `readers_team`: the workspace that the reader belongs to, maybe not ours (Slack Connect)."""
        try:
            answer = await self._call(
                "chat.startStream",
                channel=place.channel,
                thread_ts=place.thread_ts,
                recipient_user_id=reader,
                recipient_team_id=readers_team,
                task_display_mode="plan",
                chunks=stream_chunks(Work(), work, self._tools, self._mask_in(place)),
            )
        except RefusedError as error:
            match meaning(str(error)):
                case "not_offered":  # to this app: it is not tried again
                    log.warning("answers do not stream (%s); they are ordinary messages", error)
                    self._offered = False
                case "not_offered_here":
                    log.info("answers do not stream in %s (%s)", place.channel, error)
                    self._not_in.add(place.channel)
                case _:
                    pass
            raise
        return str(answer["ts"])

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """See `Surface.extend`."""
        grown = stream_chunks(shown, work, self._tools, self._mask_in(place))
        if grown:
            await self._call("chat.appendStream", channel=place.channel, ts=ts, chunks=grown)

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str | None:
        """See `Surface.finish`. None: the message is gone, or cannot be changed, and the content stands nowhere yet."""
        whole = Work(content.tasks, content.text if isinstance(content, AnswerPart) else "")
        if shown is None or not whole.words.startswith(shown.words):
            await self._stop(place, ts)
            return await self._replace(place, ts, content, key)
        grown = stream_chunks(shown, whole, self._tools, self._mask_in(place), over=True)
        below = below_answer(content, self._tools, self._mask_in(place)) if isinstance(content, AnswerPart) else []
        if await self._stop(place, ts, chunks=grown, blocks=below, metadata=metadata(POSTED, key)):
            if isinstance(content, Work):  # a stream takes no text beside what it shows, and tasks are none
                await self._replace(place, ts, content, key)
            return ts
        return await self._replace(place, ts, content, key)

    async def _stop(self, place: Place, ts: str, **last: Any) -> bool:
        """End a stream. Returns False if Slack has ended it before, or does not take the last of it: then it ends without."""
        given = {name: value for name, value in last.items() if value}
        try:
            # The process that drives the session says its status; left out, Slack would call it active.
            await self._call("chat.stopStream", channel=place.channel, ts=ts, session_status="processing", **given)
        except RefusedError as error:
            log.info("stream %s was not ended by us: %s", ts, error)
            if given and meaning(str(error)) == "form":
                await self._stop(place, ts)  # else it would seem to grow until Slack ends it
            return False
        return True

    async def _replace(self, place: Place, ts: str, content: AnswerPart | Work, key: str) -> str | None:
        mask = self._mask_in(place)
        plan = plan_blocks(content.tasks, self._tools, mask)
        said = isinstance(content, AnswerPart)
        blocks = [*plan, *(answer_blocks(content, self._tools, mask) if said else [])]
        text = answer_text(content) if said else plan_text(content.tasks, self._tools, mask)
        where = {"channel": place.channel, "ts": ts}
        if blocks:
            try:
                await self._call("chat.update", **where, text=text, blocks=blocks, metadata=metadata(POSTED, key))
                return ts
            except RefusedError as error:
                log.warning("message %s cannot be changed into what it is to be: %s", ts, error)
        return None

    async def take_away(self, place: Place, ts: str) -> None:
        """See `Surface.take_away`."""
        try:
            await self._call("chat.delete", channel=place.channel, ts=ts)
        except RefusedError as error:  # mostly it is gone already
            log.warning("message %s was not taken away: %s", ts, error)
