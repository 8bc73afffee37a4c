"""A judge model: given a conversation and its rubric it says whether the answer is good, and why. Recorded like all else."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ModelFailedError
from agent.model.anthropic import AnthropicModel
from agent.model.port import Reply, Request
from agent.prompts.versions import PROMPTS
from agent.types import Pinned
from bot.eval.cases import Case
from bot.eval.conversation import conversation
from bot.eval.happened import Happened, Played
from bot.eval.kept import Finished
from bot.eval.playing import KEY
from bot.eval.tape import Recorder, Replayer, Tape

PROMPT = PROMPTS.load("judge")
NO_ANSWER = "its answer is not the JSON that was asked for"
DIGEST = re.compile(r" *digest `[0-9a-f]+`")  # on cards: another one in each conversation, and nothing to judge
MOST_TOKENS = 2_000  # of an answer, its thoughts included


class Opinion(Happened):
    """What the judge says of one repeat. `trouble`: why it said nothing."""

    case: str
    repeat: int
    passes: bool = False
    why: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """A model by its name. `tape_of`: what it answered of a case before; without, it is asked at `upstream` with `key`."""

    model: str
    tape_of: Callable[[str], Tape] | None = None
    upstream: str = ""
    key: str = KEY


class _JudgeAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    passes: bool = Field(strict=True)
    why: str


async def opinions(
    judge: Judge,
    cases: Mapping[str, Case],
    finished: Sequence[Finished],
    heard: Callable[[Opinion, Tape], None],
    at_once: int = 4,
) -> None:
    """Ask about each repeat, several at once. `heard` gets each opinion as it comes, with the answer as it was given."""
    free = asyncio.Semaphore(at_once)

    async def ask(one: Finished) -> None:
        async with free:
            heard(*await opinion(judge, cases[one.case], one))

    async with asyncio.TaskGroup() as group:
        for one in finished:
            group.create_task(ask(one))


async def opinion(judge: Judge, case: Case, finished: Finished) -> tuple[Opinion, Tape]:
    """Return what the judge says of one repeat, and its answer as it was given."""
    tape = judge.tape_of(case.case) if judge.tape_of is not None else None
    said = Opinion(case=case.case, repeat=finished.repeat)
    async with Replayer(tape) if tape is not None else Recorder(judge.upstream) as server:
        async with _judge_client(judge.key, server.base_url) as model:
            try:
                answer = read_answer(await model.reply(request(judge.model, case, finished.played)))
                found = said.model_copy(update=answer.model_dump() if answer else {"trouble": NO_ANSWER})
            except ModelFailedError as error:
                drift = server.drift if isinstance(server, Replayer) else ""
                found = said.model_copy(update={"trouble": drift or str(error)})
        return found, server.tape() if isinstance(server, Recorder) else Tape()


def request(model: str, case: Case, played: Played) -> Request:
    """Return what the judge is asked."""
    told = "\n\n".join(f"[{each.who}] {each.text}" for each in conversation(played))
    words = f"Rubric:\n{case.rubric}\n\nConversation:\n{DIGEST.sub('', told)}"
    pinned = Pinned(model=model, system=PROMPT.text, tools=(), prompt=PROMPT.reference, prompt_digest=PROMPT.digest)
    return Request(pinned, [{"role": "user", "content": [{"type": "text", "text": words}]}], MOST_TOKENS)


def read_answer(reply: Reply) -> _JudgeAnswer | None:
    """Return what a reply says; None where it is not the JSON that was asked for."""
    text = "".join(str(block.get("text", "")) for block in reply.content if block.get("type") == "text")
    try:
        return _JudgeAnswer.model_validate_json(text[text.find("{") : text.rfind("}") + 1])
    except ValidationError:
        return None


@asynccontextmanager
async def _judge_client(key: str, base_url: str) -> AsyncGenerator[AnthropicModel]:
    model = AnthropicModel.connect(key, base_url)
    try:
        yield model
    finally:
        await model.close()
