"""Steps about messages in Slack: a post begun, a post made, a card or a notice redrawn."""

from typing import Literal

from pydantic import AliasChoices, Field

from agent.session.post_keys import StoredKey
from agent.types import Frozen, Look


class PostStarted(Frozen):
    """A message is about to be posted; `key` goes into its metadata, so that it can be found if the answer is lost."""

    kind: Literal["post_started"] = "post_started"
    key: StoredKey


class Posted(Frozen):
    """A message is in Slack (`ts`), or Slack refused it for good (`error`)."""

    kind: Literal["posted"] = "posted"
    key: StoredKey
    ts: str = ""
    error: str = ""
    too_few: dict[str, str] = Field(default_factory=dict[str, str])
    """Of cards, by action: a sentence, where fewer people than the quorum could approve it then."""


class DirectShown(Frozen):
    """A direct message of this key says of these actions that they are over."""

    kind: Literal["direct_shown"] = "direct_shown"
    key: StoredKey
    over: tuple[str, ...]


class CardShown(Frozen):
    """The card of an action shows how things stand."""

    kind: Literal["card_shown"] = "card_shown"
    action_id: str
    look: Look
    changes: int = Field(default=0, validation_alias=AliasChoices("changes", "votes"))  # of an open card: votes, escalation


class NoticeLook(Frozen):
    """What the notice of a message with cards says. `waits`: the actions that it names; none: all is decided, and it says so."""

    waits: tuple[str, ...] = ()
    queued: int = 0  # messages of people that are read afterwards
    reminders: int = 0
    escalated: tuple[str, ...] = ()  # actions that it says of that further people may decide


class NoticeShown(Frozen):
    """The notice of a message with cards says how things stand; `notice` is the key that it was posted with."""

    kind: Literal["notice_shown"] = "notice_shown"
    notice: StoredKey
    look: NoticeLook
