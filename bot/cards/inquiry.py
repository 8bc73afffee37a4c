"""A question of somebody who may decide, as it stands in the thread: their words, and that nothing is decided by it."""

from agent.decide.moves import Notice
from agent.tool.definition import Tools
from bot.cards.block_kit import SlackBlock, prose_section, rich_text
from bot.cards.harmless_text import cut, escaped, visible
from bot.cards.notices import sentence_with_headlines
from bot.cards.people import people
from bot.cards.values import Mask, one_line

QUESTION_CHARACTERS = 2_000
TEXT_CHARACTERS = 150
ANSWER_HERE = "Please answer here. The card above still waits; nothing was decided."


def inquiry_text(notice: Notice, mask: Mask) -> str:
    """Return the question in one line, with the mention that notifies those who asked."""
    return f"{_asking(notice)} {escaped(cut(one_line(notice.text, mask), TEXT_CHARACTERS))}"


def inquiry_blocks(notice: Notice, tools: Tools, mask: Mask) -> list[SlackBlock]:
    """Return who asks whom about what, and the words letter for letter."""
    about = [sentence_with_headlines("About", notice.cards, tools, mask)] if notice.cards else []
    asked = {"type": "text", "text": cut(visible(mask(notice.text)), QUESTION_CHARACTERS)}
    quoted = rich_text([{"type": "rich_text_quote", "elements": [asked]}])
    return [prose_section(_asking(notice)), *about, quoted, prose_section(ANSWER_HERE)]


def _asking(notice: Notice) -> str:
    whom = people(notice.cards[0].requesters[:1]) if notice.cards else "those who asked"
    return f"{people((notice.by,))} has a question for {whom} before deciding:"
