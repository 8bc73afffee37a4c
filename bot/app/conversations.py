"""What the bot does with its conversations beside holding them: the log that `signoff log` reads."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from agent.conversation_log.writing import ConversationLog
from agent.masking import Masker
from agent.store.chores import Chore
from agent.store.fenced import Pool
from bot.config.file import Config


def conversation_chores(stack: AsyncExitStack, pool: Pool, config: Config) -> Sequence[Chore]:
    """Return what is to be done now and then: messages written, and deleted at the end of their term. The process that masks is
    started with the first message, and ended with the stack."""
    if not config.conversation_log.write:
        return ()
    masker = Masker(config.masking.wanted())
    stack.callback(masker.end)
    written = ConversationLog(pool, masker)
    return written.writing(), written.purging(config.conversation_log.keep_days)
