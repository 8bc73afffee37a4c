"""What a conversation teaches: a small model picks facts out of what people said, and code checks each against its source. Pure.

Only people's own words are learnt from: what they forwarded, and what tools, pages and files said, the model here is not shown.
A summary is kept only of a conversation that has read nothing from outside. What the agent answered after it was told something
that is remembered is not shown either: it would be learnt here once more, for other readers, and outlive the original.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.memory.items import MemoryItem, NewItem, Source, message_key, session_key
from agent.memory.recalled import read_outside
from agent.memory.summary_material import said_by
from agent.memory.transcript import Transcript
from agent.model.port import Reply
from agent.prompts.versions import PROMPTS
from agent.session.state import Session
from agent.types import Pinned, Said

PROMPT = PROMPTS.load("learning")
MOST_FACTS = 20  # of one reading
MOST_MESSAGES, MESSAGE_CHARACTERS = 60, 2_000  # the newest that are read at once
ANSWER_CHARACTERS, MOST_ANSWERS = 600, 20
OTHERS = (">", "Forwarded", "Attached")  # how the lines begin with which `bot.slack.seen_text` quotes others
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
    """An item that is to be learnt; `replaces`: the id of the fact that is not true any more."""

    item: NewItem
    replaces: int | None = None


def pinned_for(pinned: Pinned, model: str) -> Pinned:
    """Return what a reading is made with: another model, its own prompt, no tools, and nothing of what a channel wants of its
    agent."""
    read_with = Pinned(model=model, system=PROMPT.text, tools=(), prompt=PROMPT.reference, prompt_digest=PROMPT.digest)
    return read_with.model_copy(update={"agent": pinned.agent})


def own_words(said: Said) -> str:
    """Return what a person wrote themselves: of a message that holds others' words, the lines above them."""
    if not said.sources:
        return said.text
    return "\n".join(takewhile(lambda line: not line.startswith(OTHERS), said.text.splitlines()))


def says(said: Said, quote: str) -> bool:
    """Return whether a person's own words hold a quote word for word, however both are spaced."""
    return bool(quote.strip()) and " ".join(quote.split()) in " ".join(own_words(said).split())


def messages_of(said: Transcript) -> Sequence[Said]:
    """Return the messages that nothing was learnt from yet, as far as they hold a person's own words."""
    return [one for one in said.unlearnt if own_words(one).strip()][-MOST_MESSAGES:]


def learning_request(said: Transcript, known: Sequence[MemoryItem], *, with_answers: bool = True) -> list[dict[str, Any]]:
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
    """Return what a reply teaches: facts whose quote stands in the message that they name, and the summary. A known fact that is
    said again, in whatever words, keeps its own.

    What is not as it should be is left out, and never a reason to fail.
    """
    if (answer := _read_answer(reply)) is None:
        return ()
    told, texts = messages_of(said), {item.id: item.text for item in known}
    learnt: list[Lesson] = []
    for fact in _facts(answer)[:MOST_FACTS]:
        if 1 <= fact.message <= len(told) and says(told[fact.message - 1], fact.quote):
            again = texts.get(fact.same_as or 0)
            item = _fact_item(session, told[fact.message - 1], fact, again or fact.fact)
            learnt.append(Lesson(item, fact.replaces if again is None and fact.replaces in texts else None))
    summary = " ".join(answer.summary.split())[:SUMMARY_CHARACTERS]
    if summary and not read_outside(session.context.sources) and not any(one.sources for one in told):
        learnt.append(Lesson(_summary(session, summary)))
    return learnt


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


def _fact_item(session: Session, said: Said, fact: _Fact, text: str) -> NewItem:
    place = session.place
    return NewItem(
        channel=place.channel,
        kind="fact",
        text=" ".join(text.split()),
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
