"""Where texts that were read before a call came from: what they say may have led to it."""

from collections.abc import Sequence

from agent.decide.moves import Cards
from bot.cards.block_kit import SlackBlock, context, literal_text
from bot.cards.values import Mask, TextRoom, clipped, source_name

PROPOSED_AFTER_READING = "Proposed after reading:"
READ = f":warning: {PROPOSED_AFTER_READING}"
SOURCE_CHARACTERS = 80
SOURCES_CHARACTERS = 300


def named_sources(cards: Cards, mask: Mask) -> list[str]:
    """Return the sources of all actions of a message by name, each once."""
    return list(dict.fromkeys(source_name(source, mask) for card in cards.rows for source in card.sources))


def sources_block(names: Sequence[str], room: TextRoom) -> tuple[list[SlackBlock], bool]:
    """Return the line that names them. True: all of them, and whole."""
    most = min(SOURCES_CHARACTERS, room.prose)
    fitting: list[str] = []
    for name in names:
        short = clipped(name, min(SOURCE_CHARACTERS, room.prose))
        if not fitting or sum(map(len, fitting)) + len(short) <= most:
            fitting.append(short)
    rest = f", and {len(names) - len(fitting)} more" if len(names) > len(fitting) else ""
    listed = literal_text(", ".join(fitting) + rest)
    whole = not rest and fitting == list(names)
    return ([context(READ, listed)] if names else []), whole
