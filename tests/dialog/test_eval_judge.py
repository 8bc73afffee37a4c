"""The judge model: what it is shown, what becomes of its answer, and that it is recorded and replayed without a key."""

from pathlib import Path

import pytest

from bot.eval.gateway import gateway
from bot.eval.judge_model import NO_ANSWER, Judge, opinion, request
from bot.eval.judging import judge as judged
from bot.eval.kept import Finished
from bot.eval.playing import KEY
from bot.eval.recordings import Recording, path_of, read_recording, write_recording
from bot.eval.tape import Tape
from bot.sandbox.model import Lines, ScriptedModel, say
from tests.unit.eval_cases import CASE, PLAYED, played

MODEL = "claude-haiku-4-5"
ONE = Finished(case=CASE.case, repeat=0, played=PLAYED, judged=judged(CASE, PLAYED))
OTHER = ONE.model_copy(update={"played": played(posts=("No.", "Nothing is ordered."))})


def test_the_judge_is_shown_the_rubric_and_the_conversation_with_its_calls() -> None:
    asked = request(MODEL, CASE, PLAYED)
    words = asked.messages[0]["content"][0]["text"]
    assert words.startswith("Rubric:\nSays that the order was placed.\n\nConversation:\n[ann] Please order two")
    assert '[call] create_order {"sku": "wgt-001"' in words
    assert "→ succeeded by approval\n\n[Signoff] Approval needed" in words
    assert "judge" in asked.pinned.prompt


async def test_an_opinion_is_recorded_and_replayed_without_a_key(tmp_path: Path) -> None:
    script = Lines(say('```json\n{"why": "It says so.", "passes": true}\n```'), say('{"why": "Nothing was.", "passes": false}'))
    async with ScriptedModel(script) as model:
        with gateway(model.base_url, model.api_key) as door:
            good, tape = await opinion(Judge(MODEL, upstream=door), CASE, ONE)
            bad, _ = await opinion(Judge(MODEL, upstream=door), CASE, OTHER)
        assert {each.headers["x-api-key"] for each in model.requests} == {model.api_key}
    assert (good.passes, good.why, good.trouble) == (True, "It says so.", "")
    assert (bad.passes, bad.why, bad.trouble) == (False, "Nothing was.", "")
    write_recording(tmp_path, "a", Recording(passed=True, tape=tape))
    text = path_of(tmp_path, "a").read_text()
    assert model.api_key not in text
    assert KEY not in text
    recorded = read_recording(tmp_path, "a")
    assert recorded is not None
    replayed = Judge(MODEL, tape_of=lambda name: recorded.tape)
    assert (await opinion(replayed, CASE, ONE))[0] == good
    drifted, _ = await opinion(replayed, CASE, OTHER)
    assert drifted.trouble == "request 1: message 1 of 1 is another one than in the recording (1)"


@pytest.mark.parametrize("answer", ["It is fine.", '{"passes": "yes", "why": "so"}', '{"passes": true', '{"why": "so"}'])
async def test_an_answer_that_is_not_what_was_asked_for_is_no_opinion(answer: str) -> None:
    async with ScriptedModel(Lines(say(answer))) as model:
        said, _ = await opinion(Judge(MODEL, upstream=model.base_url, key=model.api_key), CASE, ONE)
    assert (said.passes, said.trouble) == (False, NO_ANSWER)


async def test_a_recording_of_nothing_is_no_opinion() -> None:
    said, _ = await opinion(Judge(MODEL, tape_of=lambda name: Tape()), CASE, ONE)
    assert said.trouble == "it is request 1, and 0 were recorded"
