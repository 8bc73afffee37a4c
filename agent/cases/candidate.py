"""A conversation up to an answer, as a case for the golden sets: what was said, what was called with what, what came back, what
people decided, and the answers.

`messages_until` and `candidate` are pure; `masked_candidate` masks between the two. The placeholders are those of the
conversation log, and of the words of the person who filed the case: each value has the same one in all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agent.conversation_log.kept_words import in_batches, masked_words
from agent.conversation_log.messages import LogMessage, Reader, Role
from agent.masking import NOTHING_SEEN, WITHHELD, Masker, SeenValues
from agent.session.steps import Asked, OutcomeTold, Step
from agent.types import OTHER

NumberedStep = tuple[int, datetime, Step]  # its number in the log, and when it was committed


@dataclass(frozen=True, slots=True)
class CaseWords:
    """Something that was said, read or told, in its place: by people, the model, a file, memory, a summary or Signoff itself."""

    role: Role
    text: str
    by: str = ""  # a person's id
    files: tuple[str, ...] = ()  # their names


@dataclass(frozen=True, slots=True)
class CaseDecision:
    """What happened to a call before it ran: asked, approved, rejected, edited, expired and so on."""

    outcome: str
    by: str = ""  # a person's id; empty: policy or the clock
    reason: str = ""
    arguments: Any = None  # those of an edit
    settled: bool = False  # not one vote of several, but what came of them


@dataclass(frozen=True, slots=True)
class CaseCalled:
    """A call that the model made. `outcome` and `result` are empty where it has none yet."""

    id: str
    tool: str
    arguments: Any
    decisions: tuple[CaseDecision, ...] = ()
    outcome: str = ""  # agent.types.Outcome
    result: str = ""  # as the model read it


@dataclass(frozen=True, slots=True)
class CaseTurn:
    """What people said, and all that came of it until they said something else. `answer`: the model's last words of it."""

    number: int
    said: tuple[CaseWords, ...] = ()
    calls: tuple[CaseCalled, ...] = ()
    answer: str = ""
    outcome: str = ""  # success, or how else it ended; empty: it had not


@dataclass(frozen=True, slots=True)
class Candidate:
    """The turns of a conversation up to the one that somebody calls wrong, which is the last."""

    turns: tuple[CaseTurn, ...]


async def masked_candidate(
    masker: Masker, steps: Iterable[NumberedStep], turn: int, seen: SeenValues = NOTHING_SEEN
) -> tuple[Candidate, SeenValues]:
    """Return the conversation of these steps up to this turn, masked, and what has a placeholder in it.

    `steps` are those of the session from its beginning. `seen`: of another one, whose placeholders hold in this one too. What
    cannot be masked is withheld; nothing is raised.
    """
    masked = list[LogMessage]()
    for batch in in_batches(messages_until(steps, turn), lambda each: each.words):
        words, seen = await masked_words(masker, seen, [each.words for each in batch])
        masked += [replace(each, words=of) for each, of in zip(batch, words, strict=True)]
    return candidate(masked), seen


def messages_until(steps: Iterable[NumberedStep], turn: int) -> Sequence[LogMessage]:
    """Return the messages of a conversation to the end of this turn, not masked."""
    reader, messages = Reader(), list[LogMessage]()
    for seq, at, step in steps:
        if reader.turn == turn and isinstance(step, Asked | OutcomeTold):
            break
        messages += reader.take(seq, at, step)
    return messages


def candidate(messages: Iterable[LogMessage]) -> Candidate:
    """Return what these messages tell. Their words are as they are to be read: masked."""
    reading = _Reading()
    for message in messages:
        if message.turn:  # before the first one nothing was asked
            reading.take(message)
    return Candidate(tuple(turn.whole() for turn in reading.turns))


@dataclass(slots=True)
class _OpenTurn:
    """A turn while its messages are read."""

    number: int
    said: list[CaseWords] = field(default_factory=list[CaseWords])
    calls: dict[str, CaseCalled] = field(default_factory=dict[str, CaseCalled])
    answer: str = ""
    outcome: str = ""

    def whole(self) -> CaseTurn:
        return CaseTurn(self.number, tuple(self.said), tuple(self.calls.values()), self.answer, self.outcome)


@dataclass(slots=True)
class _Reading:
    """What is known after as many messages as were read. What became of a call may be told in a later turn."""

    turns: list[_OpenTurn] = field(default_factory=list[_OpenTurn])
    called_in: dict[str, _OpenTurn] = field(default_factory=dict[str, _OpenTurn])  # by call
    proposed: dict[str, str] = field(default_factory=dict[str, str])  # call by action

    def take(self, message: LogMessage) -> None:
        """Take in the next message."""
        if not self.turns or self.turns[-1].number != message.turn:
            self.turns.append(_OpenTurn(message.turn))
        match message.role:
            case "assistant":
                self._take_reply(self.turns[-1], message)
            case "tool":
                if message.outcome != "changed":  # found before it ran: its result is still to come
                    text = str(message.words.get("text", ""))
                    self._change(str(message.ids.get("call", "")), outcome=message.outcome, result=text)
            case "approval":
                self._take_decision(message)
            case _:
                _take_words(self.turns[-1], message)

    def _take_reply(self, turn: _OpenTurn, message: LogMessage) -> None:
        if text := str(message.words.get("text", "")):
            turn.answer = text
            turn.said.append(CaseWords("assistant", text))
        turn.outcome = message.outcome
        told = message.words.get("calls", ())  # nothing where the reply is withheld
        for number, call_id in enumerate(message.ids.get("calls", ())):
            name, arguments = (told[number]["name"], told[number]["input"]) if told else (OTHER, WITHHELD)
            turn.calls[call_id] = CaseCalled(call_id, str(name), arguments)
            self.called_in[call_id] = turn

    def _take_decision(self, message: LogMessage) -> None:
        ids, words = message.ids, message.words
        action = str(ids.get("action", ""))
        if message.outcome == "asked":
            self.proposed[action] = str(ids.get("call", ""))
        call_id = self.proposed.get(action, "")
        if (turn := self.called_in.get(call_id)) is not None:
            reason = str(words.get("reason", words.get("text", "")))  # the latter where it is withheld
            changed = words.get("arguments") if message.outcome == "edited" else None
            decision = CaseDecision(message.outcome, str(ids.get("by", "")), reason, changed, settled=bool(ids.get("settled")))
            self._change(call_id, decisions=(*turn.calls[call_id].decisions, decision))

    def _change(self, call_id: str, **changes: Any) -> None:
        if (turn := self.called_in.get(call_id)) is not None:
            turn.calls[call_id] = replace(turn.calls[call_id], **changes)


def _take_words(turn: _OpenTurn, message: LogMessage) -> None:
    """Take in what is neither the model's nor about a call."""
    text, files = str(message.words.get("text", "")), tuple(str(name) for name in message.words.get("files", ()))
    if message.role == "signoff":
        turn.outcome = message.outcome
    if text or files:
        turn.said.append(CaseWords(message.role, text, str(message.ids.get("user", "")), files))
