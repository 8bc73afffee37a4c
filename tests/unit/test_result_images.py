"""Images of results in a conversation: in the result of their call, the same bytes in every request, counted, left out."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.decide.move_keys import MoveKey
from agent.decide.moves import Reconcile
from agent.errors import FilesNotTakenError
from agent.memory import attachments
from agent.memory.attachments import Nowhere, ShownImages, room_for_call
from agent.memory.look import Looked, look_at_file
from agent.memory.transcript import Transcript, messages
from agent.run.background import Background
from agent.run.file_effects import FileEffects
from agent.run.tool_effects import ToolEffects
from agent.session.rules import Rules
from agent.session.steps import Asked, Compacted, Halted, ModelReplied, OutcomeTold, Step, Stopped, ToolReturned, ToolStarted
from agent.store.sessions import Store
from agent.tool import WithImages, with_fallback
from agent.tool.definition import Effect, Result, Tool, ToolContext, registry, run
from agent.types import Block, Call, FileRoom, Outcome, Said, Usage
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import Models
from bot.sandbox.model.pairing import check_pairing
from tests.fakes.surface import FakeSurface
from tests.profiles import examples
from tests.samples import gif, jpeg, png, webp
from tests.unit.test_machine import ASKED, NOW, PROPOSED, STARTED, after

CARD = Models().cards["claude-sonnet-5-5"]
ROOM = FileRoom(files=20, bytes=20 * 2**20, tokens=100_000)
FILES = [png(), png(30, 20), jpeg(), gif(), webp()]
TEXT = Result(ok=True, result={"text": "Seen."}).text()
USAGE = Usage(input_tokens=10, output_tokens=5)


def shown(*files: bytes) -> ShownImages:
    """What a result shows of these."""
    done = ShownImages(ROOM)
    for data in files:
        done = done.with_image(data, Looked(**look_at_file(data)))
    return done


KEPT: Mapping[str, bytes] = shown(*FILES).data


def returned(call_id: str, *files: bytes, text: str = TEXT, outcome: Outcome = "succeeded") -> ToolReturned:
    """The result of a call, with these images."""
    done = shown(*files)
    kept_bytes = ROOM.bytes - done.room.bytes
    return ToolReturned(call_id=call_id, outcome=outcome, text=text, images=done.blocks, kept_bytes=kept_bytes)


def replied(*ids: str, text: str = "") -> ModelReplied:
    """The model calls a tool so many times, or says something."""
    words: list[Block] = [{"type": "text", "text": text}] if text else []
    calls: list[Block] = [{"type": "tool_use", "id": id, "name": "look", "input": {}} for id in ids]
    return ModelReplied(content=(*words, *calls), stop_reason="tool_use" if ids else "end_turn", usage=USAGE)


def sent(*steps: Step) -> list[dict[str, Any]]:
    """The messages of the next request, as they are sent and as the API takes them."""
    told = messages(steps)
    assert set(attachments.handles(told)) <= set(KEPT)
    filled = json.loads(json.dumps(attachments.filled(told, KEPT)))
    check_messages(filled, CARD)
    check_pairing(filled, has_tools=True)
    assert '"kept"' not in json.dumps(filled)
    return filled


def content(*steps: Step) -> list[Any]:
    """The content of the results in the next request."""
    return [block["content"] for message in sent(*steps) for block in message["content"] if block["type"] == "tool_result"]


def test_a_result_without_images_is_the_text_that_it_was() -> None:
    assert content(ASKED, replied("a"), returned("a")) == [TEXT]


def test_a_step_of_before_there_were_images_has_none() -> None:
    old = '{"kind":"tool_returned","call_id":"a","outcome":"succeeded","text":"{}","source":"","reconciled":false}'
    assert ToolReturned.model_validate_json(old) == ToolReturned(call_id="a", outcome="succeeded", text="{}")


FOLLOWS = st.sampled_from(["answer", "not taken", "halt", "stop", "more calls"])
RESULTS = st.lists(st.tuples(st.lists(st.sampled_from(FILES), max_size=3), st.booleans()), min_size=1, max_size=3)


@examples(2)
@given(st.lists(st.tuples(RESULTS, FOLLOWS), min_size=1, max_size=4))
def test_the_api_takes_every_request_and_each_begins_as_the_one_before(
    turns: list[tuple[list[tuple[list[bytes], bool]], str]],
) -> None:
    steps: list[Step] = [ASKED]
    before: list[dict[str, Any]] = sent(*steps)
    number = 0
    for results, follows in turns:
        ids = [f"toolu_{number + at}" for at in range(len(results))]
        number += len(ids)
        steps.append(replied(*ids))
        for id, (files, ok) in zip(ids, results, strict=True):
            steps.append(returned(id, *files) if ok else returned(id, outcome="failed"))
        now = sent(*steps)
        assert now[: len(before)] == before
        before = now
        if follows == "not taken":
            steps.append(Halted(error=FilesNotTakenError.__name__, sentence="It ends here."))
            before = before[:-1]  # the last message is another one from now on
        elif follows == "halt":
            steps.append(Halted(error="X", sentence="It ends here."))
        elif follows == "stop":
            steps += [Stopped(by="U1"), Halted(error="Stopped", sentence="Stopped.")]
            before = before[:-1]  # it says so
        elif follows == "answer":
            steps.append(replied(text="Done."))
        if follows != "more calls":
            steps.append(Asked(said=(Said(user="U1", text="go on", ts="2.0"),)))
            now = sent(*steps)
            assert now[: len(before)] == before
            before = now


def test_of_what_the_model_did_not_take_every_image_is_left_out_and_nothing_else() -> None:
    taken = [ASKED, replied("a"), returned("a", png()), replied("b", "c"), returned("b", png(), jpeg()), returned("c")]
    halted = [*taken, Halted(error=FilesNotTakenError.__name__, sentence="It ends here."), ASKED]
    first, second, third = content(*halted)
    assert [block["type"] for block in first] == ["text", "image"]  # that one it has taken
    assert second[0]["text"] == TEXT
    assert [block["text"] for block in second[1:]] == ["(It was left out: it could not be shown.)"] * 2
    assert third == TEXT


def test_what_a_run_after_an_unknown_outcome_shows_stands_below_its_result() -> None:
    unknown = ToolReturned(call_id=PROPOSED.call_id, outcome="unknown", text='{"ok":false}')
    again = OutcomeTold(action_id=PROPOSED.action_id, by="U1", answer="run_again", told_at=NOW)
    steps = [ASKED, replied(PROPOSED.call_id), PROPOSED, unknown, replied(text="Unknown."), again]
    *_, last = sent(*steps, returned(PROPOSED.call_id, png()))
    assert [block["type"] for block in last["content"]] == ["text", "text", "image"]
    assert "It was run again." in last["content"][1]["text"]


def test_a_turn_that_goes_on_in_a_new_context_keeps_its_images() -> None:
    long = Result(ok=True, result={"text": "brass lamp " * 2_000}).text()
    steps: list[Step] = [ASKED, replied("a"), returned("a", jpeg(), text=long), replied("b"), returned("b", png())]
    first, second = content(*steps, Compacted(since=1, head="Before."))
    assert [block["type"] for block in first] == ["text", "image"]
    assert len(first[0]["text"]) < len(long)
    assert [block["type"] for block in second] == ["text", "image"]


def test_images_are_counted_as_what_the_model_sees_of_them() -> None:
    def characters(*files: bytes) -> int:
        said = Transcript()
        for step in (ASKED, replied("a"), returned("a", *files)):
            said.add(step)
        return said.characters

    large = jpeg(8_000, 8_000)
    tokens = look_at_file(large)["tokens"]
    assert characters(large) - characters() >= 3 * tokens
    assert characters(large, large) - characters(large) >= 3 * tokens
    assert characters(large) - characters() < 4 * tokens


def test_the_session_counts_them_as_files() -> None:
    begun = ToolStarted(call_id="a", idempotency_key="k")
    session = after(ASKED, STARTED, replied("a", "b"), begun, returned("a", png(), jpeg()))
    assert (session.context.attached, session.context.attached_bytes) == (2, len(png()) + len(jpeg()))


def test_calls_that_run_side_by_side_have_even_shares_of_the_room() -> None:
    rules = Rules({}, budget_tokens=50_000)
    begun = [ToolStarted(call_id=id, idempotency_key=id) for id in "abc"]
    session = after(ASKED, STARTED, replied("a", "b", "c"), *begun)
    one = room_for_call(session, rules)
    assert (one.files, one.bytes) == (6, 20 * 2**20 // 3)
    session = after(ASKED, STARTED, replied("a", "b", "c"), *begun, returned("a", *[png()] * 6))
    assert room_for_call(session, rules).files == 7  # of the 14 that are left


class Nothing(BaseModel):
    """No arguments."""


async def picture() -> WithImages:
    """Answers with an image."""
    return WithImages({"lamp": "brass", "note": "Old."}, [png()])


async def nowhere() -> str:
    """Breaks."""
    raise OSError


async def result_of(function: Any) -> Result:
    """What a tool comes to whose handler this is."""

    async def handle(arguments: BaseModel, context: ToolContext) -> Any:
        return await function()

    tool = Tool(name="look", description="", arguments=Nothing, handler=handle, effect=Effect.READ)
    return await run(tool, Nothing(), ToolContext("T1:C1:1.0", "U1", "key"))


async def test_a_handler_answers_with_images_beside_its_answer() -> None:
    result = await result_of(picture)
    assert result.images == (png(),)
    assert json.loads(result.text()) == {"ok": True, "result": {"lamp": "brass", "note": "Old."}}
    assert "PNG" not in repr(result)


async def lost(arguments: BaseModel, context: ToolContext) -> Result:
    """What became of a lost run: it failed, and there is an image of that."""
    return Result(ok=False, error="unexpected", detail="No lamp.", images=(png(),))


async def test_what_failed_has_no_images() -> None:
    """The API takes nothing but text in what is marked as an error."""
    look = Tool(name="look", description="", arguments=Nothing, handler=lost, reconcile=lost)
    store = Store(AsyncConnectionPool(open=False))  # what is not kept needs none
    effects = ToolEffects(registry([look]), store, FakeSurface(), Background(), FileEffects(Nowhere(), store))
    move = Reconcile(Call(id="a", tool="look", arguments={}), "k", MoveKey("tool", "a"))
    [step] = (await effects.reconcile(move, after(ASKED), ROOM)).steps
    assert isinstance(step, ToolReturned)
    assert (step.outcome, step.images, step.kept_bytes) == ("failed", (), 0)


async def test_a_second_way_keeps_its_images_beside_the_note() -> None:
    result = await result_of(with_fallback(nowhere, picture, note="By sight."))
    assert result.images == (png(),)
    assert json.loads(result.text())["result"] == {"lamp": "brass", "note": "Old. By sight."}
    assert (await result_of(with_fallback(picture, nowhere, note="By sight."))).images == (png(),)
