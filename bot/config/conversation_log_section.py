"""The section `conversation_log` of signoff.yaml: whether it is written, and how long its messages are kept."""

from typing import Annotated

from pydantic import Field

from bot.config.sections import Section


class ConversationLogSection(Section):
    """What was said and done, a row a message in Postgres, masked."""

    write: Annotated[bool, Field(strict=True)] = True
    """false: none is written."""
    keep_days: Annotated[int, Field(gt=0, le=36_500, strict=True)] = 90
    """Then a message is deleted from it, and so is a case that somebody filed."""
