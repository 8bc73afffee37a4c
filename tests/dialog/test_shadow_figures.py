"""What hidden runs came to: compared in the report, the end of a version that is clearly worse, and how long it is kept.

And what the command says that begins it, where something is missing.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.prompts.labels import Labelled
from agent.store.canaries import Trial
from agent.store.prompt_labels import PromptLabels
from agent.store.shadow_runs import ShadowFigures, ShadowRuns, Went
from bot.app.canaries import LEAST_SESSIONS, what_is_worse
from bot.config.refusal import Refusal
from tests.dialog.conftest import Talk, World, dm
from tests.dialog.test_canaries import begun, looked
from tests.dialog.test_forget_person import forget
from tests.dialog.test_report_page import Tables, page
from tests.dialog.test_shadows import SECOND, Both, configure, desk, put_in_shadow, runs, shadowing, turn

__all__ = ["desk", "shadowing"]  # fixtures


async def in_shadow(world: World, number: int, went: Went, real_outcome: str) -> None:
    """A conversation that a shadow ran hidden behind."""
    await begun(world, number, SECOND.reference, SECOND.digest)
    answered = '{"kind":"posted","key":"answer:1:0","ts":"1.0"}'
    id = f"T1:C1:{number}.0"
    await world.rows("INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, 1, 1, %s::json) RETURNING 1", id, answered)
    shadows = ShadowRuns(world.pool)
    [shadow] = await shadows.live()
    [waiting] = [turn for turn in await shadows.waiting(shadow) if turn.session_id == id]
    claimed = await shadows.claim(shadow, waiting)
    assert claimed is not None
    figures = ShadowFigures(
        went=went,
        outcome="success" if went == "well" else "max_iterations_exceeded",
        writes="same",
        unrecorded=int(went == "unclear"),
        iterations=2,
        tokens=300,
        nano_usd=3_000_000,
        tools=("look",),
        proposed=(),
        real_outcome=real_outcome,
        real_iterations=1,
        real_tokens=200,
        real_nano_usd=2_000_000,
    )
    await shadows.end(claimed, figures)


async def test_a_shadow_that_is_clearly_worse_ends_once_and_people_are_told(world: World, tmp_path: Path) -> None:
    await configure(world)
    await put_in_shadow(world)
    for number in range(10, 10 + LEAST_SESSIONS):
        await in_shadow(world, number, "wrong" if number % 2 else "well", "success")
    for number in range(100, 110):
        await in_shadow(world, number, "unclear", "error")  # nobody can tell of these
    row = Tables(await page(world, tmp_path)).of["Shadow runs"][0]
    assert (row["prompt"], row["runs"], row["nothing on record"], row["same writes"]) == ("assistant@1", "30", "10", "30")
    assert (row["went well"][:3], row["as people saw them"][:4]) == ("50%", "100%")
    assert (row["tokens a run"], row["cost a run"], row["model calls"]) == ("300 / 200", "$0.0030 / $0.0020", "2 / 1")
    told = await looked(world, PromptLabels(world.pool), times=2)
    assert told == [
        f"I ended the shadow assistant@1: 50% of its {LEAST_SESSIONS} conversations went well, and 100% of the same ones as "
        "people saw them. Nobody saw its answers, and it wrote nothing."
    ]
    assert await ShadowRuns(world.pool).live() == []


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_shadow_that_is_as_good_goes_on(wrong: int) -> None:
    own = [False] * wrong + [True] * (40 - wrong)
    at = Labelled(1, "digest", 10)
    assert what_is_worse(Trial("shadow", "assistant", at, datetime(2026, 11, 30, tzinfo=UTC), own, [True] * 40), 0.1) is None


async def test_it_is_forgotten_with_the_person_and_after_its_term(shadowing: World, tmp_path: Path) -> None:
    shadowing.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    script.let.set()
    await put_in_shadow(shadowing)
    talk: Talk = await dm(shadowing, "dan", "hello")
    await talk.sees("Seen.")
    await runs(shadowing)
    await talk.rests()
    status, _, _ = await forget(shadowing, tmp_path, shadowing.slack.people["dan"], "--yes")
    assert status == 0
    [(session, figures)] = await shadowing.rows("SELECT session_id, figures FROM shadow_run")
    assert (":erased:" in session, figures) == (True, {})
    await ShadowRuns(shadowing.pool).purge(1)
    assert len(await shadowing.rows("SELECT 1 FROM shadow_run")) == 1
    await shadowing.rows("UPDATE shadow_run SET begun_at = now() - interval '2 days' RETURNING 1")
    await ShadowRuns(shadowing.pool).purge(1)
    assert await shadowing.rows("SELECT 1 FROM shadow_run") == []


async def test_the_command_says_what_is_missing(world: World) -> None:
    with pytest.raises(Refusal, match="has no section `promotion`"):
        await put_in_shadow(world)
    await configure(world)
    with pytest.raises(Refusal, match="has no version 9"):
        await put_in_shadow(world, reference="assistant@9")
