"""Messages that grow, on chat.startStream, appendStream and stopStream.

Slack ends a stream after about five minutes, and keeps its message; then, and wherever it is not sure what the message shows, it
is replaced as a whole by chat.update. The key goes into its metadata only as it ends: a stream takes none when it begins.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from agent.errors import RefusedError
from agent.moves import Answer, Work
from agent.tool import Tools
from agent.types import Place
from bot.arguments import Mask
from bot.messages import answer_blocks, answer_text, below_answer
from bot.work import chunks, plan_blocks, plan_title

log = logging.getLogger(__name__)

METADATA_TYPE = "signoff_post"
# The workspace or the app has no streams: then answers are ordinary messages, and it is not tried again.
NO_STREAMS = frozenset(
    {"not_authorized", "not_allowed", "unknown_method", "missing_scope", "not_allowed_token_type", "feature_not_enabled"}
    | {"method_not_supported_for_channel_type", "team_not_found", "missing_recipient_user_id", "missing_recipient_team_id"}
)

Call = Callable[..., Awaitable[Any]]


def metadata(key: str) -> dict[str, Any]:
    """By which a message is found again."""
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}


class Streams:
    """Begins, grows and ends messages, through the surface's own calls."""

    def __init__(self, call: Call, tools: Tools, mask_in: Callable[[Place], Mask]) -> None:
        self._call, self._tools, self._mask_in = call, tools, mask_in
        self.available = True

    async def open(self, place: Place, reader: str, work: Work) -> str:
        """See `Surface.open_stream`."""
        try:
            answer = await self._call(
                "chat.startStream",
                channel=place.channel,
                thread_ts=place.thread_ts,
                recipient_user_id=reader,
                recipient_team_id=place.team,
                task_display_mode="plan",
                chunks=chunks(Work(), work, self._tools, self._mask_in(place)),
            )
        except RefusedError as error:
            if str(error) in NO_STREAMS:
                log.warning("answers do not stream here (%s); they are ordinary messages", error)
                self.available = False
            raise
        return str(answer["ts"])

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """See `Surface.extend`."""
        grown = chunks(shown, work, self._tools, self._mask_in(place))
        if grown:
            await self._call("chat.appendStream", channel=place.channel, ts=ts, chunks=grown)

    async def finish(self, place: Place, ts: str, content: Answer | Work, key: str, shown: Work | None) -> str | None:
        """See `Surface.finish`. None: the message is gone, or cannot be changed, and the content stands nowhere."""
        whole = Work(content.tasks, content.text if isinstance(content, Answer) else "")
        if shown is None or not whole.words.startswith(shown.words):
            await self._stop(place, ts)
            return await self._replace(place, ts, content, key)
        grown = chunks(shown, whole, self._tools, self._mask_in(place), over=True)
        below = below_answer(content) if isinstance(content, Answer) else []
        if await self._stop(place, ts, chunks=grown, blocks=below, metadata=metadata(key)):
            return ts
        return await self._replace(place, ts, content, key)

    async def _stop(self, place: Place, ts: str, **last: Any) -> bool:
        """False: Slack has ended the stream before."""
        given = {name: value for name, value in last.items() if value}
        try:
            # Whoever drives the session says how it stands; left out, Slack would call it active.
            await self._call("chat.stopStream", channel=place.channel, ts=ts, session_status="processing", **given)
        except RefusedError as error:
            log.info("stream %s was not ended by us: %s", ts, error)
            return False
        return True

    async def _replace(self, place: Place, ts: str, content: Answer | Work, key: str) -> str | None:
        plan = plan_blocks(content.tasks, self._tools, self._mask_in(place))
        said = isinstance(content, Answer)
        blocks = [*plan, *(answer_blocks(content) if said else [])]
        text = answer_text(content) if said else plan_title(content.tasks, over=True)
        where = {"channel": place.channel, "ts": ts}
        if blocks:
            try:
                await self._call("chat.update", **where, text=text, blocks=blocks, metadata=metadata(key))
                return ts
            except RefusedError as error:
                log.warning("message %s cannot be changed into what it is to be: %s", ts, error)
        try:
            await self._call("chat.delete", **where)
        except RefusedError as error:  # it is gone already
            log.info("message %s was not taken away: %s", ts, error)
        return None
