"""A version in shadow answers turns of real conversations once more: hidden, without any write, and paid by nobody's budget."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from agent.prompts.versions import PROMPTS
from agent.store.prompt_labels import PromptLabels
from agent.store.shadow_runs import Claimed, ShadowFigures, ShadowRuns
from agent.tool.definition import Effect, Tool, ToolContext
from bot.commands import prompts
from bot.config.file import load_config
from bot.sandbox.model import Call, Reply, Request, call, say
from bot.sandbox.model.scripts import Script
from tests.dialog.conftest import World, dm, mention
from tests.stores.core import until

FIRST, SECOND = PROMPTS.load("assistant@1"), PROMPTS.load("assistant@2")  # the second comes with the code
ONLY_IN_SECOND = "a person changed the call before it was decided"
ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1)


class Thing(BaseModel):
    """What it is about."""

    thing: str


@dataclass
class Desk:
    """Two tools of a pack, and with what each was entered."""

    entered: list[str] = field(default_factory=list[str])

    def tools(self) -> list[Tool]:
        """One that reads, and one that writes without asking anybody."""
        note = Tool(name="note", description="Notes a thing.", arguments=Thing, handler=self.enter, effect=Effect.WRITE)
        look = Tool(name="look", description="Looks at a thing.", arguments=Thing, handler=self.enter, effect=Effect.READ)
        return [note, look]

    async def enter(self, arguments: Thing, context: ToolContext) -> Mapping[str, Any]:
        """Remember that it was entered."""
        self.entered.append(arguments.thing)
        return {"seen": arguments.thing}


def hidden(request: Request) -> bool:
    """Whether the first version asks, which nobody sees."""
    return ONLY_IN_SECOND not in request.system


@dataclass
class Both:
    """A script for the version that people see, and one for the shadow, which begins once it is let."""

    seen: Script
    in_shadow: Script
    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Request] = field(default_factory=list[Request])  # in shadow

    async def until_asked(self, times: int = 1) -> None:
        """Until the shadow asked so often."""

        async def has() -> bool:
            return len(self.asked) >= times

        await until(has)

    async def __call__(self, request: Request) -> Any:
        """Answer whichever asks."""
        if not hidden(request):
            return self.seen(request)
        self.asked.append(request)
        await self.let.wait()
        return self.in_shadow(request)


def turn(*calls: Call, end: str) -> Script:
    """A script that makes one call after the other in its turn, and ends it so."""

    def script(request: Request) -> Reply | Call:
        return [*calls, say(end)][len(request.turn_results)]

    return script


@pytest.fixture
async def desk() -> Desk:
    """Its tools."""
    return Desk()


@pytest.fixture
async def shadowing(world: World, desk: Desk) -> World:
    """A bot whose prompt may be tried in shadow."""
    await configure(world)
    world.packs["desk"] = desk.tools()
    await world.start_bot()
    return world


async def configure(world: World, more: str = "") -> None:
    path = world.home / "signoff.yaml"
    promotion = f"{{channel: {world.slack.channels['orders']}{more}}}"
    notes = "policy: [{tool: note, verdict: allow}]"
    path.write_text(f"agents: {{assistant: {{tools: [catalog, desk]}}}}\n{notes}\npromotion: {promotion}\n")
    world.config = load_config(path)


async def put_in_shadow(world: World, share: int = 100, reference: str = "assistant@1") -> None:
    """The command."""
    settings = world.settings()
    await asyncio.to_thread(prompts.put_in_shadow, settings, world.config, world.slack.team_id, reference, share)


async def runs(world: World, status: str = "done", count: int = 1) -> list[ShadowFigures]:
    """What hidden runs came to, once so many are in this status."""
    query = "SELECT figures FROM shadow_run WHERE status = %s ORDER BY id"

    async def there() -> bool:
        return len(await world.rows(query, status)) >= count

    await until(there)
    found = await world.rows(query, status)
    return [ShadowFigures.model_validate(figures) for (figures,) in found if figures]


REAL_TABLES = ("session", "step", "inbox", "action", "usage", "output", "memory", "shop.orders")


async def counts(world: World) -> Sequence[int]:
    """Rows of what real conversations write."""
    return [(await world.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in REAL_TABLES]


async def test_a_hidden_run_enters_no_tool_posts_nothing_and_costs_nobody_anything(shadowing: World, desk: Desk) -> None:
    same, other = call("look", thing="mug"), call("look", thing="cup")
    script = Both(turn(same, end="It is there."), turn(same, other, call("note", thing="mug"), ORDER, end="Noted and ordered."))
    shadowing.model.script = script
    await put_in_shadow(shadowing)
    talk = await mention(shadowing, "ann", "is the mug there?")
    await talk.sees("It is there.")
    await talk.rests()
    await script.until_asked()
    before, calls = await counts(shadowing), len(shadowing.slack.calls)
    script.let.set()
    [run] = await runs(shadowing)
    assert desk.entered == ["mug"]
    assert await counts(shadowing) == before
    assert [each.method for each in shadowing.slack.calls[calls:]] == []
    assert await shadowing.rows("SELECT count(DISTINCT payer), count(*) FROM usage") == [(1, 2)]
    assert (run.tools, run.proposed) == (("look", "look", "note", "create_order"), ("note", "create_order"))
    assert (run.outcome, run.went, run.unrecorded, run.writes) == ("success", "unclear", 1, "other tools")
    assert (run.iterations, run.real_iterations) == (5, 2)
    [(charged,)] = await shadowing.rows("SELECT charged_tokens FROM shadow_run")
    assert charged == run.tokens > run.real_tokens > 0
    results = script.asked[-1].turn_results
    assert [each.ok for each in results] == [True, False, False, False]
    assert '"mug"' in results[0].text
    assert "no result of such a call is on record" in results[1].text
    assert all("noted as proposed and did not run" in each.text for each in results[2:])


async def test_what_people_said_yes_to_is_read_again_and_ordered_once(shadowing: World) -> None:
    script = Both(turn(ORDER, end="It is ordered."), turn(ORDER, end="Ordered."))
    shadowing.model.script = script
    script.let.set()
    await put_in_shadow(shadowing)
    [(before,)] = await shadowing.rows("SELECT count(*) FROM shop.orders")
    talk = await mention(shadowing, "ann", "order a widget")
    await talk.clicks("ben", await talk.card())
    await talk.sees("It is ordered.")
    [run] = await runs(shadowing)
    assert (run.went, run.writes, run.proposed) == ("well", "same", ("create_order",))
    assert script.asked[-1].turn_results[0].ok
    assert await shadowing.rows("SELECT count(*) FROM shop.orders") == [(before + 1,)]
    assert len(talk.posts()) == 2  # card and answer


async def test_a_shadow_that_leaves_out_what_people_agreed_to_went_wrong(shadowing: World) -> None:
    shadowing.model.script = script = Both(turn(ORDER, end="It is ordered."), turn(end="I would rather not."))
    script.let.set()
    await put_in_shadow(shadowing)
    talk = await mention(shadowing, "ann", "order a widget")
    await talk.clicks("ben", await talk.card())
    await talk.sees("It is ordered.")
    [run] = await runs(shadowing)
    assert (run.went, run.outcome, run.writes) == ("wrong", "success", "other tools")


async def test_a_later_turn_is_run_over_the_conversation_as_people_saw_it(shadowing: World) -> None:
    shadowing.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    script.let.set()
    talk = await dm(shadowing, "dan", "hello")
    await talk.sees("Seen.")
    await talk.rests()
    await put_in_shadow(shadowing)
    await talk.says("dan", "and again")
    await runs(shadowing)
    [asked] = script.asked
    assert "Seen." in str(asked.messages)
    assert "and again" in asked.last_user_text


async def test_what_was_killed_runs_once_more_and_counts_once(shadowing: World) -> None:
    shadowing.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    stop = await replace(shadowing).start_bot()  # another replica
    await put_in_shadow(shadowing)
    talk = await dm(shadowing, "dan", "hello")
    await talk.sees("Seen.")
    await script.until_asked()
    await shadowing.stack.aclose()  # both bots end in the midst of it, and write nothing of it any more
    await stop()
    [(charged,)] = await shadowing.rows("SELECT charged_tokens FROM shadow_run")
    assert charged > 0
    await shadowing.rows("UPDATE shadow_run SET lease_until = now() - interval '1 second' RETURNING 1")
    script.let.set()
    await shadowing.start_bot()
    [run] = await runs(shadowing)
    assert await shadowing.rows("SELECT tries, charged_tokens FROM shadow_run") == [(2, charged + run.tokens)]
    late = Claimed(1, 1)  # who was taken for lost comes back
    await ShadowRuns(shadowing.pool).give_up(late, "frozen")
    assert not await ShadowRuns(shadowing.pool).reserve(late, 1, 10**9)
    assert await shadowing.rows("SELECT status FROM shadow_run") == [("done",)]


async def test_what_is_killed_twice_is_given_up(shadowing: World) -> None:
    shadowing.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    await put_in_shadow(shadowing)
    await (await dm(shadowing, "dan", "hello")).sees("Seen.")
    for tries in (1, 2):
        await script.until_asked(tries)
        await shadowing.stack.aclose()
        await shadowing.rows("UPDATE shadow_run SET lease_until = now() - interval '1 second' RETURNING 1")
        await shadowing.start_bot()
    assert await runs(shadowing, "given_up") == []
    assert len(script.asked) == 2


async def test_it_is_live_and_ends_on_every_replica_and_each_turn_is_run_once(shadowing: World) -> None:
    shadowing.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    script.let.set()
    await replace(shadowing).start_bot()
    await put_in_shadow(shadowing)
    for text in ("one", "two", "three"):
        await (await dm(shadowing, "dan", text)).sees("Seen.")
    await runs(shadowing, count=3)
    assert await shadowing.rows("SELECT count(*), max(tries) FROM shadow_run") == [(3, 1)]
    assert len(script.asked) == 3
    settings = shadowing.settings()
    await asyncio.to_thread(prompts.roll_back, settings, shadowing.slack.team_id, "assistant", "shadow", "seen enough")
    await (await dm(shadowing, "dan", "four")).sees("Seen.")
    newest, first = await PromptLabels(shadowing.pool).history("assistant")
    assert (newest.version, newest.why, first.version, first.share) == (None, "seen enough", 1, 100)
    kinds = await shadowing.rows("SELECT body ->> 'label', body ->> 'version' FROM audit WHERE kind = 'label' ORDER BY seq")
    assert kinds == [("shadow", "1"), ("shadow", None)]
    assert await ShadowRuns(shadowing.pool).live() == []
    assert len(script.asked) == 3


async def test_nothing_is_run_beyond_the_days_ceiling(world: World, desk: Desk) -> None:
    await configure(world, ", shadow_tokens_per_day: 20000")
    world.packs["desk"] = desk.tools()
    await world.start_bot()
    world.model.script = script = Both(turn(end="Seen."), turn(end="Hidden."))
    script.let.set()
    await put_in_shadow(world)
    await (await dm(world, "dan", "hello")).sees("Seen.")
    [run] = await runs(world)
    await world.rows("UPDATE shadow_run SET charged_tokens = 19000 RETURNING 1")
    await (await dm(world, "dan", "hello again")).sees("Seen.")
    shadows, [shadow] = ShadowRuns(world.pool), await ShadowRuns(world.pool).live()

    async def due() -> bool:
        return bool(await shadows.waiting(shadow))

    await until(due)
    [(now,)] = await world.rows("SELECT now()")

    async def looked_at() -> bool:
        return bool(
            await world.rows("SELECT 1 FROM chore WHERE key = 'shadow runs' AND begun_at > %s AND done_at = begun_at", now)
        )

    await until(looked_at)
    [waiting] = await shadows.waiting(shadow)  # it was not even begun
    claimed = await shadows.claim(shadow, waiting)  # as a process that looked before the other one had spent
    assert claimed is not None
    assert not await shadows.reserve(claimed, 1_001, 20_000)
    assert await shadows.reserve(claimed, 1_000, 20_000)
    assert (len(script.asked), run.outcome) == (1, "success")
