"""The steps of a session's log: past tense, frozen, never changed. Moves, the imperatives, are in `agent.decide.moves`.

Import them from here. Each kind is declared beside its like: `turns`, `model`, `actions`, `runs`, `posts`; `Step` is their union.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from agent.session.steps.actions import ActionDecided, Edited, Escalated, Granted, GrantEnded, Nudged, ProposedAction, Voted
from agent.session.steps.model import (
    Compacted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    Repinned,
    Resumed,
    WindowExceeded,
)
from agent.session.steps.posts import CardShown, DirectShown, NoticeLook, NoticeShown, Posted, PostStarted
from agent.session.steps.runs import FoundChanged, Previewed, ToolReturned, ToolStarted, Unasked
from agent.session.steps.turns import Asked, Attached, Halted, OutcomeTold, Recalled, Stopped

__all__ = [
    "STEP",
    "STEPS",
    "ActionDecided",
    "Asked",
    "Attached",
    "CardShown",
    "Compacted",
    "DirectShown",
    "Edited",
    "Escalated",
    "FoundChanged",
    "GrantEnded",
    "Granted",
    "Halted",
    "Learnt",
    "LeftOut",
    "ModelFailed",
    "ModelReplied",
    "ModelStarted",
    "NoticeLook",
    "NoticeShown",
    "Nudged",
    "OutcomeTold",
    "PostStarted",
    "Posted",
    "Previewed",
    "ProposedAction",
    "Recalled",
    "Recorded",
    "Repinned",
    "Resumed",
    "Step",
    "Stopped",
    "ToolReturned",
    "ToolStarted",
    "Unasked",
    "Voted",
    "WindowExceeded",
]

Step = Annotated[
    Asked
    | Attached
    | Recalled
    | ModelStarted
    | ModelReplied
    | ModelFailed
    | Resumed
    | LeftOut
    | Repinned
    | WindowExceeded
    | Compacted
    | Learnt
    | Previewed
    | FoundChanged
    | ProposedAction
    | Voted
    | Edited
    | Escalated
    | Nudged
    | ActionDecided
    | Granted
    | GrantEnded
    | ToolStarted
    | ToolReturned
    | PostStarted
    | Posted
    | CardShown
    | DirectShown
    | NoticeShown
    | Halted
    | Stopped
    | OutcomeTold,
    Field(discriminator="kind"),
]
STEP: TypeAdapter[Step] = TypeAdapter(Step)
STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Step])


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step in the log: where it stands and under which epoch it was written. Not a model: its step is checked already."""

    seq: int
    epoch: int
    step: Step
