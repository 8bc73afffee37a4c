"""What others get to see of conversations, masked: the log that `signoff log` reads, answers that people call wrong, cards where
a whole channel reads along, and what tools were given and said, in spans, if somebody asks for that."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from agent.cases.filing import Filing
from agent.conversation_log.writing import ConversationLog
from agent.masking import Masker, patterns_masker
from agent.store.chores import Chore
from agent.store.fenced import Pool
from bot.cards.values import Mask, unmasked
from bot.config.file import Config

CAPTURED = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"  # OpenTelemetry's own variable
IN_SPANS = frozenset({"true", "span_only", "span_and_event"})  # values of it, older and newer ones, by which spans have contents


def conversation_chores(stack: AsyncExitStack, pool: Pool, config: Config, *, log: bool) -> Sequence[Chore]:
    """Return what is to be done now and then: what people say of answers filed, messages written where there is to be a `log`,
    and both deleted at the end of their term.

    The process that masks is started with the first words, and ended with the stack.
    """
    masker, days = Masker(config.masking.wanted()), config.conversation_log.keep_days
    stack.callback(masker.end)
    filed, written = Filing(pool, masker), ConversationLog(pool, masker)
    of_log = (written.writing(), written.purging(days)) if log and config.conversation_log.write else ()
    return filed.filing(), filed.purging(days), *of_log


def span_masker(stack: AsyncExitStack, config: Config, environment: Mapping[str, str]) -> Masker | None:
    """Return what masks for spans. None: they are to go without. Its process is as that of the log."""
    if environment.get(CAPTURED, "").lower() not in IN_SPANS:
        return None
    masker = Masker(config.masking.wanted())
    stack.callback(masker.end)
    return masker


def card_mask(config: Config) -> Mask:
    """Return what a whole channel's cards are masked with."""
    return patterns_masker(config.masking.wanted()) if config.masking.cards else unmasked
