"""What ran in a turn without a card, by whose standing permission, and how that is revoked: below the answer."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from agent.decide.moves import Permitted
from agent.tool.definition import Tools
from bot.cards.block_kit import SlackBlock, button, confirm, prose_section
from bot.cards.harmless_text import escaped
from bot.cards.notices import headlines, sentence_with_headlines
from bot.cards.people import people, slack_time
from bot.cards.values import Mask, unmasked

WITHOUT_A_CARD = "Ran without a card:"


def permitted_blocks(permitted: Sequence[Permitted], tools: Tools, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return, for each permission that was used, what it let run, and how much of it is left, with a button that revokes it."""
    blocks: list[SlackBlock] = []
    for runs in _by_permission(permitted):
        cards = [run.card for run in runs]
        blocks.append(sentence_with_headlines(WITHOUT_A_CARD, cards, tools, mask))
        blocks.append({**prose_section(_whose(runs)), "accessory": revoke_button(runs[0].grant_id)})
    return blocks


def permitted_text(permitted: Sequence[Permitted], tools: Tools, mask: Mask = unmasked) -> str:
    """Return the same as text."""
    return "\n".join(
        f"{WITHOUT_A_CARD} {'; '.join(map(escaped, headlines([run.card for run in runs], tools, mask)))}. {_whose(runs)}"
        for runs in _by_permission(permitted)
    )


def revoke_button(grant_id: str, style: str | None = None) -> SlackBlock:
    """Return the button that ends a standing permission, after a question."""
    asked = confirm(
        "Revoke this permission?", "From now on each such call in that thread is asked for again.", "Revoke", no="Keep it"
    )
    return {**button("revoke", "Revoke", grant_id, style=style), "confirm": asked}


def _by_permission(permitted: Sequence[Permitted]) -> Iterator[list[Permitted]]:
    """Return the runs of each permission."""
    ordered = sorted(permitted, key=lambda run: run.grant_id)  # stable: in the order of their runs
    return (list(runs) for _, runs in groupby(ordered, key=lambda run: run.grant_id))


def _whose(runs: Sequence[Permitted]) -> str:
    """Return whose permission it is, and what is left of it."""
    last = runs[-1]
    who, until = people((last.card.decided_by,)), slack_time(last.card.expires_at)
    uses = f"use {last.use}" if len(runs) == 1 else f"uses {runs[0].use} to {last.use}"
    return f"{who} always allows this here: {uses} of {last.most_uses}, until {until}."
