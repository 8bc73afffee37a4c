"""The log as the Messages API wants it: every request that comes out of here is valid by construction.

The API's rules that this holds (reference: model API, trap 7): each tool_use is answered by one tool_result in the
immediately next user message, results first, in the order of the calls; no empty text; no message without content, and none
of the assistant's that ends in thinking. History is append-only: a later request has the earlier one as its prefix, until a new
context begins: with a Compacted step, where a turn is left out, and with another model.

Long because one class folds every kind of step into the messages of a request.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.errors import FilesNotTakenError
from agent.memory.model_notes import (
    CUT_OFF,
    GO_ON,
    NOTE,
    ResultContent,
    changed,
    declined,
    ordered_results,
    outcome_told,
    text_block,
    with_images,
    without_files,
)
from agent.memory.summary_material import Past, said_by, text_with_files
from agent.memory.token_estimate import CountedRequest
from agent.memory.written import ApiMessage, Written, as_kept, message_shape, without_thinking
from agent.model import tool_search
from agent.session import closings, stop_reasons
from agent.session.state import Session
from agent.session.steps import (
    ActionDecided,
    Asked,
    Attached,
    CardShown,
    Compacted,
    DirectShown,
    Edited,
    Escalated,
    FoundChanged,
    Granted,
    GrantEnded,
    Halted,
    Learnt,
    LeftOut,
    ModelFailed,
    ModelReplied,
    ModelStarted,
    NoticeShown,
    Nudged,
    OutcomeTold,
    Posted,
    PostStarted,
    Previewed,
    ProposedAction,
    Recalled,
    Repinned,
    Resumed,
    Step,
    Stopped,
    ToolReturned,
    ToolStarted,
    Voted,
    WindowExceeded,
)
from agent.text import mention
from agent.types import Block, Lifetime, Said


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a turn begins: what it is taken back to if it is left out."""

    messages: int = 0
    calls: tuple[str, ...] = ()
    results: Mapping[str, ResultContent] = field(default_factory=dict[str, ResultContent])
    said: tuple[Block, ...] = ()


@dataclass(slots=True)
class Transcript:
    """The conversation so far. It grows step by step, so that a step costs the same however long the conversation is.

    Wide because one writer takes in every step, so that each request begins with the one before it.
    """

    seq: int = 0  # of the last step that was added
    past: Past = field(default_factory=Past)
    found_tools: set[str] = field(default_factory=set[str])  # that searches have loaded
    unlearnt: list[Said] = field(default_factory=list[Said])  # what people said that nothing was learnt from yet
    call_ids: set[str] = field(default_factory=set[str])  # of all calls that the API may have seen here
    _written: Written = field(default_factory=Written)
    _calls: tuple[str, ...] = ()  # ids of the last reply's calls, not yet answered
    _results: dict[str, ResultContent] = field(default_factory=dict[str, ResultContent])
    _said: list[Block] = field(default_factory=list[Block])
    _proposed: dict[str, ProposedAction] = field(default_factory=dict[str, ProposedAction])
    _succeeded: set[str] = field(default_factory=set[str])  # calls, by id
    _edits: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by call: who changed what
    _turn: list[tuple[int, Step]] = field(default_factory=list[tuple[int, Step]])  # the steps of this turn
    _before_turn: _Mark = _Mark()
    _as_it_was: bool = True  # the last reply is written as it came
    _unsaid: str | None = None  # words for a reply without content, unless the model is asked to go on
    _told: list[Block] = field(default_factory=list[Block])  # what opened this turn, if that was not what people said
    _tools: dict[str, str] = field(default_factory=dict[str, str])  # of this turn's calls
    _ran: list[str] = field(default_factory=list[str])  # this turn
    _called_at: datetime | None = None  # when the model call began that is under way, or was last

    @classmethod
    def of(cls, session: Session) -> "Transcript":
        """Return the transcript of a session to which only the steps from now on are added."""
        return cls(session.seq, _proposed={id: action.proposed for id, action in session.actions.items()})

    def add(self, step: Step) -> None:
        """Take in the next step of the log."""
        self.seq += 1
        if isinstance(step, Compacted):
            self._begin_anew(step)
            return
        if isinstance(step, Asked | OutcomeTold):
            self._begin_turn()
            self.past.turn_opens()
        self._turn.append((self.seq, step))
        self.past.add(self.seq, step)
        self._read_step(step)

    def _begin_anew(self, step: Compacted) -> None:
        """Begin a new context with the head and this turn's own steps, without thinking that was about what is gone (trap 8)."""
        kept = [(seq, earlier) for seq, earlier in self._turn if seq >= step.since]
        self.past, self._said = Past.after(step), [text_block(step.head)]
        self._written, self._calls, self._results, self._edits = Written(), (), {}, {}
        self._turn, self._before_turn, self._unsaid = kept, _Mark(said=(text_block(step.head),)), None
        self._told, self._tools, self._ran, self.found_tools = [], {}, [], set()
        for seq, earlier in kept:
            self.past.add(seq, earlier)
            self._read_step(as_kept(seq, earlier))
        if self._written.messages and not self._user_side():  # a pause, whose thoughts are gone: it cannot be sent back
            self._said.append(text_block(GO_ON["empty"]))
        self._written.forget_usage()

    def _read_step(self, step: Step) -> None:
        match step:
            case Asked():
                self.unlearnt += step.said
                self._said += [text_block(said_by(said.user, text_with_files(said))) for said in step.said]
            case Attached():
                self._said += step.blocks
            case Recalled():
                self._said += [text_block(step.text)] if step.text else []
            case ModelStarted():
                self._called_at = step.bill.started_at if step.bill is not None else None
            case ModelReplied():
                self._replied(step)
            case Resumed():
                self._go_on(step.reason)
            case LeftOut():
                self._leave_out()
            case Repinned():
                self._forget_thinking()
            case ProposedAction():
                self._proposed[step.action_id] = step
            case Edited():
                proposed = self._proposed[step.action_id]
                self._edits.setdefault(proposed.call_id, []).append(changed(step, proposed.arguments))
            case ActionDecided(decision="approved"):
                pass  # its result is to come
            case ActionDecided():
                self._result(self._proposed[step.action_id].call_id, declined(step))
            case ToolReturned():
                self._returned(step)
            case OutcomeTold():
                proposed = self._proposed[step.action_id]
                self._told = [text_block(outcome_told(step, proposed))]
                self._said += self._told
                self._tools[proposed.call_id] = proposed.tool
            case Stopped():
                self._said.append(text_block(f"{mention(step.by)} pressed Stop."))
            case Halted():
                self._say_unsaid()
                if step.error == FilesNotTakenError.__name__:  # history goes on without them, or it would end here
                    self._leave_out_files()
                self._reply([{"type": "text", "text": step.sentence}])
            case Learnt():
                self.unlearnt = []
            case ModelFailed() | WindowExceeded() | Compacted() | ToolStarted():
                pass  # nothing came of it yet, or `add` has begun a new context
            case (
                Previewed()
                | FoundChanged()
                | Voted()
                | Escalated()
                | Granted()
                | GrantEnded()
                | PostStarted()
                | Posted()
                | CardShown()
                | DirectShown()
                | Nudged()
                | NoticeShown()
            ):
                pass  # what only people see

    def messages(self) -> list[ApiMessage]:
        """Return the `messages` of the request that would be made now."""
        content = self._user_side()
        written = self._written.messages
        return [*written, {"role": "user", "content": content}] if content else list(written)

    def before_turn(self, whole: bool, text: str) -> list[ApiMessage]:
        """Return the `messages` of a request about what was said before this turn, or with `whole` about everything; it ends in
        `text`.

        Nothing, when nothing was said before.
        """
        if whole:
            written, left = self._written.messages, self._user_side()
        else:
            before = self._before_turn
            written, left = (
                self._written.messages[: before.messages],
                ordered_results(before.calls, before.results, self._succeeded),
            )
        if not written:
            return []
        return [*written, {"role": "user", "content": [*left, {"type": "text", "text": text}]}]

    def asked(self) -> tuple[Said, ...]:
        """Return what people said that opened this turn; nothing where a click did."""
        return tuple(said for _, step in self._turn if isinstance(step, Asked) for said in step.said)

    def shapes(self, last: int) -> list[str]:
        """Return the last messages for a log."""
        return [message_shape(message) for message in self.messages()[-last:]]

    # ------------------------------------------------------------------------------------------ replies

    def _replied(self, step: ModelReplied) -> None:
        content = tool_search.answered(step.content)
        self.found_tools |= set(tool_search.tools_found(content))
        self._as_it_was = len(content) == len(step.content)
        while content and content[-1].get("type") in stop_reasons.THINKING:
            del content[-1]  # cut off in its thoughts, or nothing but thoughts: the API takes no message that ends in them
        if not content:
            self._unsaid = closings.closing_text(step)
            return
        self._reply(content)
        self._written.replied(step.usage, self._called_at)
        self.found_tools |= set(tool_search.tools_found(content))
        calls = [block for block in content if block.get("type") == "tool_use"]
        self._calls = tuple(str(block["id"]) for block in calls)
        self.call_ids |= set(self._calls)
        self._tools |= {str(block["id"]): str(block["name"]) for block in calls}

    def _go_on(self, reason: str) -> None:
        """Ask the model for the rest. A paused reply is sent back as it is."""
        if self._unsaid is not None:
            self._unsaid = None
            self._write_user_side()
        if reason == "max_tokens" and self._calls:
            self._results = dict.fromkeys(self._calls, CUT_OFF)
        elif reason in GO_ON:
            self._said.append(text_block(GO_ON[reason]))
        elif not self._as_it_was:  # a search that had not ended was left away
            self._said.append(text_block(GO_ON["empty"]))

    def _begin_turn(self) -> None:
        self._say_unsaid()
        self._before_turn = _Mark(len(self._written.messages), self._calls, dict(self._results), tuple(self._said))
        self._turn, self._told, self._tools, self._ran = [], [], {}, []

    def _leave_out(self) -> None:
        """Leave a turn out that would have later ones refused too (docs: reset context after refusal), but say what it did."""
        ran = f" In it these calls were made: {', '.join(self._ran)}." if self._ran else " Nothing was run in it."
        note, before = f"(A request that you could not answer is left out here.{ran})", self._before_turn
        self._written = Written(self._written.messages[: before.messages])
        self._calls, self._results, self._edits, self._unsaid = before.calls, dict(before.results), {}, None
        self._said = [*before.said, *self._told, text_block(note)]
        self.past.leave_turn_out(note)

    def _leave_out_files(self) -> None:
        """Leave the files out that the model was shown last: it does not take one of them."""
        self._said = without_files(self._said)
        for call_id, content in self._results.items():
            self._results[call_id] = content if isinstance(content, str) else without_files(content)

    def _forget_thinking(self) -> None:
        """Leave out thoughts of another model, prompt or set of tools: they are bound to those (trap 8)."""
        messages = [{**message, "content": list(without_thinking(message["content"]))} for message in self._written.messages]
        self._written = Written([message for message in messages if message["content"]])
        self._before_turn = replace(self._before_turn, messages=len(self._written.messages))  # before the turn's first reply

    # ------------------------------------------------------------------------------------------ results

    def _returned(self, step: ToolReturned) -> None:
        if step.outcome != "refused":
            self._ran.append(f"{self._tools.get(step.call_id, 'a tool')} ({step.outcome})")
        if step.outcome == "succeeded":
            self._succeeded.add(step.call_id)
        if step.call_id in self._calls:
            self._result(step.call_id, step.text, step.images)
        else:  # its call has long been answered: a run after an unknown outcome
            self._said += [text_block(f"It was run again. The result: {step.text}"), *step.images]

    def _result(self, call_id: str, text: str, images: Sequence[Block] = ()) -> None:
        """Add a call's result; of an edited call it says what ran instead of what the model asked for."""
        if edits := self._edits.get(call_id):
            text = json.dumps({**json.loads(text), NOTE: " ".join(edits)}, ensure_ascii=False)
        self._results[call_id] = with_images(text, images)

    # ------------------------------------------------------------------------------------------ messages

    def _user_side(self) -> list[Block]:
        """Return what answers the last reply: the results in the order of the calls, then what people said."""
        return [*ordered_results(self._calls, self._results, self._succeeded), *self._said]

    def _reply(self, content: list[Block]) -> None:
        self._write_user_side()
        self._written.add("assistant", content)

    def _write_user_side(self) -> None:
        if asked := self._user_side():
            self._written.add("user", asked)
        self._calls, self._results, self._said, self._edits = (), {}, [], {}

    def _say_unsaid(self) -> None:
        if self._unsaid is not None:
            text, self._unsaid = self._unsaid, None
            self._reply([{"type": "text", "text": text}])

    @property
    def characters(self) -> int:
        """Return how many characters `messages()` has as JSON."""
        return self._written.characters(self._user_side())

    @property
    def counted(self) -> CountedRequest | None:
        """Return what the API counted with the last reply."""
        return self._written.counted

    def saved_tokens(self, lifetime: Lifetime, now: datetime) -> int:
        """Return how much less the next request is charged than its input, as long as the provider still has the last one."""
        return self._written.saved_tokens(lifetime, now)


def messages(steps: Iterable[Step]) -> list[ApiMessage]:
    """Return the `messages` of the request that follows these steps."""
    transcript = Transcript()
    for step in steps:
        transcript.add(step)
    return transcript.messages()
