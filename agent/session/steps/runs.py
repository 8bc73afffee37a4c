"""Steps about runs of calls: previewed, begun, found changed, returned."""

from typing import Literal

from agent.types import Block, Change, Frozen, Origin, Outcome, Preview


class Previewed(Frozen):
    """A tool said what a call would change."""

    kind: Literal["previewed"] = "previewed"
    call_id: str
    preview: Preview


class FoundChanged(Frozen):
    """A tool did nothing, since what its card showed is not so any more. The call comes before people again."""

    kind: Literal["found_changed"] = "found_changed"
    call_id: str
    changes: tuple[Change, ...]


class Unasked(Frozen):
    """Why a call that is no plain read runs without a card: for the audit log, which has nothing else of it."""

    tool: str
    effect: Literal["egress", "write", "irreversible"]
    rule: str
    digest: str  # of what would have been shown
    requesters: tuple[str, ...]


class ToolStarted(Frozen):
    """A call is about to run. A gated one names the action or the grant that allows it, any other that is no read its rule."""

    kind: Literal["tool_started"] = "tool_started"
    call_id: str
    idempotency_key: str
    action_id: str | None = None
    grant_id: str | None = None
    digest: str = ""  # of a call under a grant: of what would have been shown
    unasked: Unasked | None = None


class ToolReturned(Frozen):
    """A call has its result. `refused` means that it did not run; `source` names where an untrusted text came from.

    A block of an image names its bytes by a handle: they are kept beside the log (`agent.memory.attachments`).
    """

    kind: Literal["tool_returned"] = "tool_returned"
    call_id: str
    outcome: Outcome
    text: str
    source: str = ""
    reconciled: bool = False  # the run was lost, and its tool was asked what became of it
    images: tuple[Block, ...] = ()  # that the model sees below the text
    kept_bytes: int = 0  # of these images
    channels: tuple[str, ...] = ()  # that what is remembered in it was learnt in
    origins: tuple[Origin, ...] = ()  # of what is remembered in it
