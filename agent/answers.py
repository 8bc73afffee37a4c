"""The words that end a turn, and how a long answer is cut into messages."""

from agent import stop_reasons
from agent.steps import ModelReplied

# A markdown block takes 12,000 characters in all per message (reference: Slack, Limits); some are left for escapes.
PART_CHARACTERS = 11_000

CLOSINGS = {
    "max_tokens": "_(My answer was cut at its length limit. Ask me to go on if you need the rest.)_",
    "pause_turn": "_(I stopped here before I was done. Ask me to go on if you need the rest.)_",
    stop_reasons.WINDOW: "_(This conversation is too long for the model to go on. Please start a new thread for the rest.)_",
    "refusal": "The model declined to answer this. None of its last calls was run; please put it in other words.",
}


def closing_text(reply: ModelReplied, before: str = "") -> str:
    """What people read when the model's turn is over: its text, and in words why it ended if that was not by its own choice.

    `before`: the text of earlier replies that this one goes on with.
    """
    text = (before + stop_reasons.text_of(reply)).strip()
    match stop_reasons.reason_of(reply):
        case "end_turn" | "stop_sequence" | "empty":
            return text or "Done. I have nothing to add."
        case "refusal":
            return CLOSINGS["refusal"]
        case "strange":
            what = _strange(reply)
            return f"The model answered in a way that I do not know ({what}). None of its last calls was run; please ask again."
        case reason:
            return f"{text}\n\n{CLOSINGS[reason]}".strip()


def _strange(reply: ModelReplied) -> str:
    """What it is that we do not know."""
    kinds = [stop_reasons.kind_of(block) for block in reply.content]
    known = {*stop_reasons.KNOWN_BLOCKS, stop_reasons.SEARCH}
    return next((kind for kind in kinds if kind not in known), reply.stop_reason)


def spoken(reply: ModelReplied) -> str:
    """The model's own words in a reply. Some models put them into thinking blocks (reference: model API, trap 12)."""
    for kind, name in (("text", "text"), ("thinking", "thinking")):
        if text := "\n\n".join(str(block.get(name, "")) for block in reply.content if block.get("type") == kind).strip():
            return text
    return ""


def split(text: str) -> tuple[str, ...]:
    """The text in parts of at most PART_CHARACTERS, cut at a paragraph, else a line, else a space."""
    parts: list[str] = []
    rest = text
    while len(rest) > PART_CHARACTERS:
        cut = next((at for mark in ("\n\n", "\n", " ") if (at := rest.rfind(mark, 1, PART_CHARACTERS)) > 0), PART_CHARACTERS)
        parts.append(rest[:cut])
        rest = rest[cut:].lstrip("\n ")
    return (*parts, rest)
