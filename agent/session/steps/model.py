"""Steps about the model: a call made, answered or failed; a turn resumed or left out; a new pin; a new context."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from agent.model.spending import Bill
from agent.types import Block, Frozen, KeptResult, Origin, Purpose, Usage


class ModelStarted(Frozen):
    """A model call is about to be made; `reserved_tokens` were set aside for it."""

    kind: Literal["model_started"] = "model_started"
    iteration: int
    reserved_tokens: int  # for input and output together
    max_tokens: int  # of output
    purpose: Purpose = "reply"
    bill: Bill | None = None  # None: of before there were bills
    saved_tokens: int = 0  # of those reserved, that the conversation's own budget may lack: what the cache should save


class ModelReplied(Frozen):
    """The model's reply: its blocks as they came, but for what the API would not take back."""

    kind: Literal["model_replied"] = "model_replied"
    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    lost: tuple[Usage, ...] = ()  # of tries before it that broke off: they are charged, too
    unusable: Mapping[str, str] = Field(default_factory=dict[str, str])  # by call: why it cannot be run


class ModelFailed(Frozen):
    """A model call, decided on at `since`, gave no reply, or was not even made: the model is out of reach, or retired."""

    kind: Literal["model_failed"] = "model_failed"
    reason: Literal["unavailable", "retired"]
    since: datetime
    unbilled: bool = False  # no try got as far as to cost anything


class Resumed(Frozen):
    """The last reply was not the end of the turn: the model is asked to go on. `reason`: why it had stopped."""

    kind: Literal["resumed"] = "resumed"
    reason: str


class LeftOut(Frozen):
    """This turn, whose last reply was a refusal or unknown to us, is left out of what the model reads from now on."""

    kind: Literal["left_out"] = "left_out"


class Repinned(Frozen):
    """The model that the session was pinned to is gone: from now on it runs with another model, prompt and tools."""

    kind: Literal["repinned"] = "repinned"
    pin_id: str
    model: str
    model_before: str
    prompt: str = ""


class WindowExceeded(Frozen):
    """The model's window refused the conversation, or ended in the midst of a reply, which is thrown away.

    `refused`: the conversation is not too long; something in it is not taken.
    """

    kind: Literal["window_exceeded"] = "window_exceeded"
    usage: Usage | None = None
    lost: tuple[Usage, ...] = ()  # of tries before that broke off
    unbilled: bool = False  # it was refused before anything was read
    refused: bool = False


class Learnt(Frozen):
    """What people said up to here was read for what is worth remembering, which is kept beside the log."""

    kind: Literal["learnt"] = "learnt"
    count: int = 0  # of what was remembered
    origins: tuple[Origin, ...] = ()  # the facts among it: people said them here
    usage: Usage | None = None  # None: no model was asked, or it gave no reply
    lost: tuple[Usage, ...] = ()  # of tries before that broke off
    unbilled: bool = False  # no try got as far as to cost anything


class Compacted(Frozen):
    """A new context begins. It holds `head`, then the steps from `since` on: everything before them is read by no model again.

    `state` is the session right before `since`, so that a session can be loaded from there; `shape` says which fields it has.
    The other fields are what the head was made of, for the next compaction, and for a longer memory.

    Wide because the next context begins from this step alone, so it carries all that outlives the one before.
    """

    kind: Literal["compacted"] = "compacted"
    since: int = 0
    head: str
    facts: tuple[str, ...] = ()  # what is to be known when everything else is forgotten, a line each
    first: tuple[str, ...] = ()  # what the conversation began with, word for word
    results: tuple[KeptResult, ...] = ()  # long ones that can still be read by their handle
    sources: tuple[str, ...] = ()  # untrusted ones that the head may draw on
    summary_by: Literal["model", "code"] = "model"
    usage: Usage | None = None  # None: no model was asked, or it gave no reply
    lost: tuple[Usage, ...] = ()  # of tries before that broke off
    unbilled: bool = False  # no try got as far as to cost anything
    forgets: bool = False  # it holds nothing of what was said before: something in that was forgotten
    shape: str = ""
    state: Mapping[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
