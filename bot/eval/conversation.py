"""A played case as a conversation: who said and did what, which calls were made with what outcome, and what was posted. Pure."""

import json
from collections.abc import Iterator, Sequence

from bot.eval.happened import CallMade, Played
from bot.report.parts import Spoken

MOST_DETAIL = 300  # characters of what a call answered


def conversation(played: Played) -> Sequence[Spoken]:
    """Return the conversation in its order; within a turn the calls come before the posts."""
    return list(_spoken(played))


def _spoken(played: Played) -> Iterator[Spoken]:
    calls = posts = 0
    for turn in played.turns:
        yield Spoken(turn.who or "time", "person", turn.did)
        yield from (Spoken("call", "call", _call_words(call)) for call in played.calls[calls : turn.calls])
        yield from (Spoken("Signoff", "bot", post) for post in played.posts[posts : turn.posts])
        calls, posts = turn.calls, turn.posts


def _call_words(call: CallMade) -> str:
    given = json.dumps(dict(call.arguments), ensure_ascii=False)
    ended = f"{call.outcome or 'no outcome'}{f' by {call.allowed_by}' if call.allowed_by else ''}"
    detail = f": {call.detail[:MOST_DETAIL]}" if call.detail else ""
    return f"{call.tool} {given}\n→ {ended}{detail}"
