"""Everything else that the bot says: answers, notices, and the Home tab."""

from typing import Any

from agent.moves import Answer, Notice
from agent.store import ActionSeen
from agent.tool import Effect, Tools
from bot.plain import cut, escaped, unmassed

Block = dict[str, Any]

TEXT_CHARACTERS = 3_000  # of the plain text beside blocks: notifications and screen readers need no more
HOME_ACTIONS = 40
LONGEST_MESSAGE_CHARACTERS = 12_000  # of a person's message that the agent reads


def answer_blocks(answer: Answer) -> list[Block]:
    """The agent's words in Markdown, and a Continue button where the budget ended them."""
    blocks: list[Block] = [{"type": "markdown", "text": unmassed(answer.text)}]
    if answer.continue_turn is not None:
        label = {"type": "plain_text", "text": "Continue"}
        button = {"type": "button", "action_id": "continue", "text": label, "value": str(answer.continue_turn)}
        blocks.append({"type": "actions", "block_id": "continue", "elements": [button]})
    return blocks


def answer_text(answer: Answer) -> str:
    """The same as plain text."""
    return cut(escaped(answer.text), TEXT_CHARACTERS)


def notice_text(notice: Notice, tools: Tools) -> str:
    """A fixed sentence, in mrkdwn."""
    match notice.subject:
        case "capabilities":
            return capabilities(tools)
        case "too_long":
            return (
                f"Your message has {notice.length:,} characters, and I read at most {LONGEST_MESSAGE_CHARACTERS:,}. "
                "I have not read it; please send the part that matters."
            )
        case "waiting":
            waited_for = ", ".join(f"`{card.tool}`" for card in notice.cards) or "a decision"
            return (
                f"I am waiting for a decision on {waited_for} above, and will read your message right after it. "
                "It approves nothing: please use the buttons on the card, or Reject to move on."
            )


def capabilities(tools: Tools) -> str:
    """What the agent can do, and what it will not do without a click."""
    lines = ["Here is what I can do; just ask in your own words:"]
    for tool in tools.values():
        asks = "" if tool.effect is Effect.READ else " _(asks for approval first)_"
        lines.append(f"•  {escaped(tool.consequence or tool.verb)}{asks}")
    lines.append("Nothing that changes something is run before a person here has seen exactly what it is and approved it.")
    return "\n".join(lines)


def home_view(user: str, actions: list[ActionSeen], tools: Tools) -> Block:
    """What the person asked for and what still waits for a decision, then what the agent can do."""
    blocks: list[Block] = [_header("Waiting for a decision")]
    asked_for = [seen for seen in actions if user in seen.proposed.requesters][:HOME_ACTIONS]
    for seen in asked_for:
        tool = tools.get(seen.proposed.tool)
        verb = tool.verb if tool else seen.proposed.tool
        until = f"<!date^{int(seen.proposed.expires_at.timestamp())}^{{date_short_pretty}} at {{time}}|later>"
        blocks.append(_section(f"*{escaped(verb)}* in <#{seen.place.channel}>, until {until}"))
    if not asked_for:
        blocks.append(_section("Nothing that you asked for is waiting."))
    return {"type": "home", "blocks": [*blocks, {"type": "divider"}, _section(capabilities(tools))]}


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def _section(mrkdwn: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(mrkdwn, 3_000)}}
