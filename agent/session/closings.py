"""The words that end a turn."""

import re

from agent.session import stop_reasons
from agent.session.steps import ModelReplied, Step

ENDS_IN_QUESTION = re.compile(r"[?？؟][\s*_~`\"'”’)»]*\Z")

CLOSINGS = {
    "max_tokens": "_(My answer was cut at its length limit. Ask me to go on if you need the rest.)_",
    "pause_turn": "_(I stopped here before I was done. Ask me to go on if you need the rest.)_",
    stop_reasons.WINDOW: "_(This conversation is too long for the model to go on. Please start a new thread for the rest.)_",
    "refusal": "The model declined to answer this. None of its last calls was run; please put it in other words.",
}


BEGAN_ANEW = (
    "\n\n_(The model did not take this conversation any more as it stood, so I went on from a summary. "
    "Details of what was said before may be missing.)_"
)


def closing_text(reply: ModelReplied, before: str = "") -> str:
    """Return what people read when the model's turn is over: its text, and why it ended if that was not the model's choice.

    `before`: the text of earlier replies that this one goes on with.
    """
    text = (before + stop_reasons.text_of(reply)).strip()
    cut = [str(block["name"]) for block in reply.content if block.get("type") == "tool_use"]
    match stop_reasons.reason_of(reply):
        case "end_turn" | "stop_sequence" | "empty":
            return text or "Done. I have nothing to add."
        case "refusal":
            return CLOSINGS["refusal"]
        case "strange":
            what = _strange(reply)
            return f"The model answered in a way that I do not know ({what}). None of its last calls was run; please ask again."
        case "max_tokens" if cut:
            return f"{text}\n\n{cut_call(cut[-1])}".strip()
        case reason:
            return f"{text}\n\n{CLOSINGS[reason]}".strip()


def cut_call(tool: str) -> str:
    """Return the sentence for a reply that was cut in the midst of a call."""
    return (
        f"_(My answer was cut at its length limit while I wrote the call of `{tool}`: it was not made, and nothing of it ran. "
        "Ask me for a smaller piece at a time, or have `max_output_tokens` raised.)_"
    )


def asks(last: Step) -> bool:
    """Return whether the last step of those that open or end a turn is an answer that ends in a question."""
    if not isinstance(last, ModelReplied) or stop_reasons.reason_of(last) not in ("end_turn", "stop_sequence"):
        return False
    return ENDS_IN_QUESTION.search(closing_text(last)) is not None


def _strange(reply: ModelReplied) -> str:
    """Return a sentence's part that names an unknown stop reason."""
    kinds = [stop_reasons.block_kind(block) for block in reply.content]
    known = {*stop_reasons.KNOWN_BLOCKS, stop_reasons.SEARCH}
    return next((kind for kind in kinds if kind not in known), reply.stop_reason)


def reply_words(reply: ModelReplied) -> str:
    """Return the model's own words in a reply. Some models put them into thinking blocks (reference: model API, trap 12)."""
    for kind, name in (("text", "text"), ("thinking", "thinking")):
        if text := "\n\n".join(str(block.get(name, "")) for block in reply.content if block.get("type") == kind).strip():
            return text
    return ""
