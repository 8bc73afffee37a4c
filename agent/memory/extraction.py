"""What a conversation teaches: a small model picks facts out of what people said, and code checks each against its source. Pure.

Only people's own words are learnt from: what they forwarded, and what tools, pages and files said, the model here is not shown.
A summary is kept only of a conversation that has read nothing from outside. What the agent answered after it was told something
that is remembered is not shown either: it would be learnt here once more, for other readers, and outlive the original.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import prompts
from agent.memory import prompts as registry
from agent.memory.items import MemoryItem, NewItem, Source, message_key, session_key
from agent.memory.recalled import FROM_MEMORY
from agent.memory.summary_material import said_by
from agent.memory.transcript import Transcript
from agent.model.port import Reply
from agent.session.state import Session
from agent.types import Pinned, Said

PROMPT = registry.load(Path(prompts.__file__).parent, "learning")
MOST_FACTS = 20  # of one reading
MOST_MESSAGES, MESSAGE_CHARACTERS = 60, 2_000  # the newest that are read at once
ANSWER_CHARACTERS, MOST_ANSWERS = 600, 20
FACT_CHARACTERS, SUMMARY_CHARACTERS = 300, 800


class _Fact(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    message: int
    quote: str = Field(min_length=1, max_length=1_000)
    fact: str = Field(min_length=3, max_length=FACT_CHARACTERS)
    subject: str = Field(default="", max_length=100)
    same_as: int | None = None
    replaces: int | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    facts: list[Any] = Field(default_factory=list[Any])
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A fact that is to be learnt; `replaces`: the id of the one that is not true any more."""

    item: NewItem
    replaces: int | None = None


def pinned_for(pinned: Pinned, model: str) -> Pinned:
    """Return what a reading is made with: another model, its own prompt, and no tools."""
    return pinned.model_copy(update={"model": model, "system": PROMPT.text, "tools": (), "prompt": PROMPT.reference})


def own_words(said: Said) -> str:
    """Return what a person wrote themselves: lines after > are others' words."""
    if not said.sources:
        return said.text
    return "\n".join(line for line in said.text.splitlines() if not line.lstrip().startswith(">"))


def messages_of(said: Transcript) -> Sequence[Said]:
    """Return the messages that nothing was learnt from yet, as far as they hold a person's own words."""
    return [one for one in said.unlearnt if own_words(one).strip()][-MOST_MESSAGES:]


def request(said: Transcript, known: Sequence[MemoryItem], *, with_answers: bool = True) -> list[dict[str, Any]]:
    """Return the messages of the request; empty where there is nothing to learn from. `known`: facts that may be said again.
    `with_answers`: what the agent answered is shown too."""
    told = messages_of(said)
    if not told:
        return []
    lines = [f"[{number}] {said_by(one.user, own_words(one)[:MESSAGE_CHARACTERS])}" for number, one in enumerate(told, 1)]
    past = said.past.gathered(whole=True).lines if with_answers else ()
    answers = [text[:ANSWER_CHARACTERS] for who, text in past if not who][-MOST_ANSWERS:]
    facts = [f"- id {item.id}: {item.text}" for item in known]
    parts = [
        "Messages:\n" + "\n".join(lines),
        "What the agent answered, only to understand the messages:\n" + ("\n".join(answers) or "(nothing)"),
        "Known facts:\n" + ("\n".join(facts) or "(none)"),
    ]
    return [{"role": "user", "content": [{"type": "text", "text": "\n\n".join(parts)}]}]


def lessons(session: Session, said: Transcript, reply: Reply, known: Sequence[MemoryItem]) -> Sequence[Lesson]:
    """Return what a reply teaches: facts whose quote stands in the message that they name, and the summary.

    What is not as it should be is left out, and never a reason to fail.
    """
    answer = _read_answer(reply)
    if answer is None:
        return ()
    told, found = messages_of(said), [*_facts(answer)][:MOST_FACTS]
    ids = {item.id for item in known}
    learnt = [
        Lesson(_fact_item(session, told[fact.message - 1], fact), fact.replaces if fact.replaces in ids else None)
        for fact in found
        if 1 <= fact.message <= len(told) and fact.same_as not in ids and _quotes(fact.quote, own_words(told[fact.message - 1]))
    ]
    summary = " ".join(answer.summary.split())[:SUMMARY_CHARACTERS]
    outside = any(not source.startswith(FROM_MEMORY) for source in session.context.sources)
    if summary and not outside and not any(one.sources for one in told):
        learnt.append(Lesson(_summary(session, summary)))
    return learnt


def confirmed(session: Session, said: Transcript, reply: Reply, known: Sequence[MemoryItem]) -> Sequence[Lesson]:
    """Return known facts that were said again, in whatever words, each with the message that says it."""
    answer, told = _read_answer(reply), messages_of(said)
    by_id = {item.id: item for item in known}
    return [
        Lesson(_fact_item(session, told[fact.message - 1], fact).model_copy(update={"text": by_id[fact.same_as].text}))
        for fact in ([*_facts(answer)][:MOST_FACTS] if answer is not None else ())
        if fact.same_as is not None
        and fact.same_as in by_id
        and 1 <= fact.message <= len(told)
        and _quotes(fact.quote, own_words(told[fact.message - 1]))
    ]


def _read_answer(reply: Reply) -> _Answer | None:
    text = "".join(str(block.get("text", "")) for block in reply.content if block.get("type") == "text")
    begins, ends = text.find("{"), text.rfind("}")
    try:
        return _Answer.model_validate_json(text[begins : ends + 1])
    except ValidationError:
        return None


def _facts(answer: _Answer) -> Sequence[_Fact]:
    """Return the facts that have the right shape."""
    found: list[_Fact] = []
    for each in answer.facts:
        try:
            found.append(_Fact.model_validate(each))
        except ValidationError:
            continue
    return found


def _quotes(quote: str, text: str) -> bool:
    """Return whether a quote stands in a text word for word, however both are spaced."""
    return bool(quote.strip()) and " ".join(quote.split()) in " ".join(text.split())


def _fact_item(session: Session, said: Said, fact: _Fact) -> NewItem:
    place = session.place
    return NewItem(
        channel=place.channel,
        kind="fact",
        text=" ".join(fact.fact.split()),
        subject=" ".join(fact.subject.split()),
        source=Source(key=message_key(place.channel, said.ts), quote=fact.quote, by=said.user),
        group=session.id,
        position=int(float(said.ts)),
    )


def _summary(session: Session, text: str) -> NewItem:
    return NewItem(
        channel=session.place.channel,
        kind="summary",
        text=text,
        source=Source(key=session_key(session.id), quote=text),
        group=session.id,
        position=-session.turn.number,
    )
