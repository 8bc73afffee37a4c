"""Why the model stopped, and what is made of that: its calls run, its answer is posted, it goes on, or it is left out.

What is not known is refused (reference: model API, trap 6): nothing runs, and the exchange does not stay in the conversation.
"""

from collections.abc import Mapping

from agent.model import tool_search
from agent.session.state import Session
from agent.session.steps import LeftOut, ModelReplied, Resumed
from agent.types import Block

KNOWN_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "tool_search_tool_result"})
KNOWN = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens", "pause_turn", "refusal"})
WINDOW = "model_context_window_exceeded"  # in old logs; now it becomes a WindowExceeded, and a compaction
# How often in a turn the model is asked to go on after a reply that was no end. All of it counts as steps of the turn.
RESUMES: Mapping[str, int] = {"max_tokens": 3, "pause_turn": 10, "empty": 1}
SEARCH = str(tool_search.SEARCH["name"])
THINKING = frozenset({"thinking", "redacted_thinking"})


def text_of(reply: ModelReplied) -> str:
    """Return the reply's own text, its blocks as paragraphs."""
    return "\n\n".join(str(block["text"]) for block in reply.content if block.get("type") == "text")


def block_kind(block: Block) -> str:
    """Return the block's type; of what the provider runs by itself, the search over tools is the one thing that we ask for."""
    return str(block.get("name") if block.get("type") == "server_tool_use" else block.get("type"))


def reason_of(reply: ModelReplied) -> str:
    """Return the stop reason as stated, but `empty` for an end without a word, and `strange` for what we do not know."""
    kinds = {block_kind(block) for block in reply.content}
    last = reply.content[-1].get("type") if reply.content else None
    calls = "tool_use" in kinds
    sent_back = not calls and last not in (None, *THINKING)  # as a pause is: it must be something that can be
    odd = {"tool_use": not calls, "pause_turn": not sent_back}.get(reply.stop_reason, False)
    if kinds - KNOWN_BLOCKS - {SEARCH} or reply.stop_reason not in KNOWN | {WINDOW} or odd:
        return "strange"
    if reply.stop_reason in ("end_turn", "stop_sequence") and not text_of(reply).strip():
        return "empty"
    return reply.stop_reason


def unfinished(reply: ModelReplied, before: str) -> str:
    """Return the text of an answer that goes on: what stood before, and this reply's part of it. Words beside a call are no
    answer."""
    if reason_of(reply) not in ("max_tokens", "pause_turn") or any(block.get("type") == "tool_use" for block in reply.content):
        return ""
    return before + text_of(reply) + ("\n\n" if reply.stop_reason == "pause_turn" else "")


def follow_up(session: Session, most_iterations: int) -> Resumed | LeftOut | None:
    """Return what is made of the last reply before it ends the turn. None: it is the end."""
    turn, reason = session.turn, session.turn.ending.stopped_for
    if reason in ("refusal", "strange"):
        return LeftOut()
    if turn.stopped_by is not None or turn.iterations >= most_iterations:
        return None
    return Resumed(reason=reason) if turn.ending.resumed.count(reason) < RESUMES.get(reason, 0) else None
