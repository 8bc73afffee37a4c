"""Rows as `signoff audit verify` compares them: what a table holds, and what the log demands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepLine:
    """A row of `step`. `made_at`, as every moment here, is text: UTC, to the microsecond."""

    seq: int
    epoch: int
    kind: str
    made_at: str
    body: str  # the very text


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What an audit entry says besides its place in the chain."""

    kind: str
    actor: str = ""
    action_id: str = ""
    call_id: str = ""
    tool: str = ""
    digest: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ActionOf:
    """A row of `action`, without the id.

    Wide because it is the whole row: a column that is not here is one that could be changed unseen.
    """

    session_id: str
    status: str
    digest: str
    quorum: int
    rejections: int
    body: str
    expires_at: str
    created_at: str
    asker: str
    ran: bool
    decided_at: str = ""
    decided_by: str = ""
    started_at: str = ""


@dataclass(frozen=True, slots=True)
class VoteOf:
    """A row of `vote`, without action and person."""

    decision: str
    reason: str
    voted_at: str


@dataclass(frozen=True, slots=True)
class GrantOf:
    """A row of `grant`, without the id. Its end is in the log as an entry without a step."""

    session_id: str
    team: str
    tool: str
    granted_by: str
    body: str
    most_uses: int
    uses: int
    expires_at: str
    granted_at: str


@dataclass(frozen=True, slots=True)
class Older:
    """So many entries of a workspace were made before entries bound their steps."""

    team: str
    count: int


@dataclass(frozen=True, slots=True)
class Erased:
    """So many conversations of a workspace were erased since a person was (`agent.store.erasure`): their entries are about rows
    that are not there any more."""

    team: str
    count: int
