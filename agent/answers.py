"""The words that end a turn."""

from agent.steps import ModelReplied

CLOSINGS = {
    "max_tokens": "_(My answer was cut at its length limit. Ask me to go on if you need the rest.)_",
    "refusal": "The model declined to answer this. Nothing was run; please put it in other words.",
}


def closing_text(reply: ModelReplied) -> str:
    """What people read when the model's turn is over: its text, and in words why it ended if that was not by its own choice."""
    text = "\n\n".join(str(block["text"]) for block in reply.content if block.get("type") == "text").strip()
    match reply.stop_reason:
        case "end_turn" | "stop_sequence":
            return text or "Done. I have nothing to add."
        case "max_tokens":
            return f"{text}\n\n{CLOSINGS['max_tokens']}".strip()
        case "refusal":
            return CLOSINGS["refusal"]
        case reason:
            return f"The model stopped for a reason that I do not handle ({reason}). Nothing was run; please ask again."


def spoken(reply: ModelReplied) -> str:
    """The model's own words in a reply. Some models put them into thinking blocks (reference: model API, trap 12)."""
    for kind, name in (("text", "text"), ("thinking", "thinking")):
        if text := "\n\n".join(str(block.get(name, "")) for block in reply.content if block.get("type") == kind).strip():
            return text
    return ""
