"""The modal in which an approver allows further calls like the one before them: what, for how long, and how often.

`grant_view` draws it, `read_grant` reads it. Everything starts at the narrowest; each wider choice is a separate click.
"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from agent.approvals import grants
from agent.types import Allowed, Wish
from bot.cards.block_kit import SlackBlock, entry, modal, option, section
from bot.cards.harmless_text import cut, visible
from bot.dialogs.form import (
    HEADLINE_CHARACTERS,
    HINT_CHARACTERS,
    VIEW_CHARACTERS,
    State,
    entered_text,
    field_id,
)
from bot.dialogs.spelling import Unreadable, cut_between_words, in_a_line, label, read_number

MODAL_BLOCKS = 100
WORDS_CHARACTERS = 60  # of an option before its value is told in the hint instead
VERB_CHARACTERS = 75

HOUR = 3600
LASTS = {1 * HOUR: "1 hour", 24 * HOUR: "24 hours", 7 * 24 * HOUR: "7 days"}
LASTS_AT_FIRST = 24 * HOUR
USES_AT_FIRST = 5

UNCHOSEN = "Please choose one of the options."
TOO_WIDE = "This would allow any call at all. Please hold at least one argument to what it is now."


def grant_fits(arguments: Mapping[str, JsonValue]) -> bool:
    """Return whether a modal has room for all these arguments; where it has not, no grant is offered."""
    blocks = _intro_blocks("x" * HEADLINE_CHARACTERS, "x" * VERB_CHARACTERS, "x" * VERB_CHARACTERS, arguments)
    return len(blocks) <= MODAL_BLOCKS and len(json.dumps(blocks)) <= VIEW_CHARACTERS


def grant_view(headline: str, verb: str, tool: str, action_id: str, arguments: Mapping[str, JsonValue]) -> SlackBlock:
    """Return the modal. `headline` is the call in one line, `verb` what its tool calls it, `arguments` are those on its card."""
    blocks = _intro_blocks(headline, verb, tool, arguments)
    return modal("grant", "Always allow", blocks, submit="Approve and allow", close="Go back", metadata=action_id)


def _intro_blocks(headline: str, verb: str, tool: str, arguments: Mapping[str, JsonValue]) -> list[SlackBlock]:
    fitting = " and fit what you choose here" if arguments else ""
    named = f"“{cut_between_words(verb, VERB_CHARACTERS)}” ({cut(label(tool), VERB_CHARACTERS)})"
    told = (
        f"This approves the call above, now. From then on, calls of {named} that come in this thread{fitting} run without asking "
        "anybody. No other tool and no other thread is allowed anything. You can revoke it in the Home tab at any time."
    )
    return [
        section(cut_between_words(headline, HEADLINE_CHARACTERS) or "This call"),
        section(told),
        *(_argument(index, name, arguments[name], offered) for index, (name, offered) in enumerate(_offered(arguments))),
        _select("lasts", "For how long", {str(seconds): words for seconds, words in LASTS.items()}, str(LASTS_AT_FIRST)),
        _uses(),
    ]


def _offered(arguments: Mapping[str, JsonValue]) -> list[tuple[str, tuple[Allowed, ...]]]:
    return list(grants.choices(arguments).items())


def _argument(index: int, name: str, value: JsonValue, offered: tuple[Allowed, ...]) -> SlackBlock:
    words = {allowed.to_be: _allowed_value(allowed) for allowed in offered}
    spelled = visible(in_a_line(value))
    hint = cut(f"Now: {spelled}", HINT_CHARACTERS) if len(spelled) > WORDS_CHARACTERS else ""
    return _select(field_id(index, name), label(name), words, "exactly", hint)


def _allowed_value(allowed: Allowed) -> str:
    match allowed.to_be:
        case "anything":
            return "anything"
        case bound:
            return f"{bound.replace('_', ' ')}: {cut(visible(in_a_line(allowed.value)), WORDS_CHARACTERS)}"


def _select(block_id: str, name: str, words: Mapping[str, str], chosen: str, hint: str = "") -> SlackBlock:
    options = [option(value, told) for value, told in words.items()]
    initial = next(one for one in options if one["value"] == chosen)
    select = {"type": "static_select", "action_id": "choice", "options": options, "initial_option": initial}
    return entry(block_id, name, select, hint=hint)


def _uses() -> SlackBlock:
    number = {"type": "number_input", "action_id": "number", "is_decimal_allowed": False, "initial_value": str(USES_AT_FIRST)}
    number |= {"min_value": "1", "max_value": str(grants.MOST_USES)}
    return entry("uses", "How many times at most", number)


def read_grant(arguments: Mapping[str, JsonValue], state: State) -> Wish | Mapping[str, str]:
    """Return what the approver wishes, or what is wrong with it by block_id. `arguments` are those that the modal was made
    from."""
    chosen = {
        field_id(index, name): _chosen(offered, entered_text(state, field_id(index, name), "choice", "selected_option"))
        for index, (name, offered) in enumerate(_offered(arguments))
    }
    pattern = tuple(filter(None, chosen.values()))
    lasts = {str(seconds): seconds for seconds in LASTS}.get(entered_text(state, "lasts", "choice", "selected_option"))
    uses = _read_uses(entered_text(state, "uses", "number", "value"))
    errors = {block_id: UNCHOSEN for block_id, allowed in chosen.items() if allowed is None}
    if not errors and grants.too_wide(pattern):
        errors[next(iter(chosen))] = TOO_WIDE
    errors |= {} if lasts else {"lasts": UNCHOSEN}
    errors |= {} if uses else {"uses": f"Please enter a whole number from 1 to {grants.MOST_USES}."}
    return Wish(pattern=pattern, lasts_seconds=lasts, most_uses=uses) if lasts and uses and not errors else errors


def _chosen(offered: tuple[Allowed, ...], to_be: str) -> Allowed | None:
    return next((allowed for allowed in offered if allowed.to_be == to_be), None)


def _read_uses(text: str) -> int | None:
    try:
        number = read_number(text, whole_only=True)
    except Unreadable:
        return None
    return int(number) if 1 <= number <= grants.MOST_USES else None
