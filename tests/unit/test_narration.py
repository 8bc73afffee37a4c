"""What is shown of a turn while it is worked on, and when: on a surface as small as it can be."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from agent.decide.moves import Work
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.run import narration
from agent.run.narration import FIRST_CHARACTERS, Narration
from agent.session.message_parts import LEAST_CHARACTERS
from agent.session.model_state import ModelCall, ModelState
from agent.session.state import Session, Turn
from agent.session.steps import ModelStarted
from agent.types import Place, Task
from tests.fakes.surface import FakeSurface

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")
LONG = "word " * 100
TASK = Task(id="L", tool="look", arguments={})
STARTED = ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5)
WORKING = Session(
    "T1:C1:1.0", PLACE, epoch=1, turn=Turn(number=1, open=True, tasks=(TASK,)), model=ModelState(in_flight=ModelCall(STARTED, 1))
)


@dataclass
class Grows(FakeSurface):
    """Remembers what a message was made to show. `answers_with` is raised instead of the next answers, in turn."""

    shown: list[Work] = field(default_factory=list[Work])
    raises: list[Exception] = field(default_factory=list[Exception])
    called: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        super().__init__()

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """It shows more."""
        self.called.set()
        await self.goes_on.wait()
        if self.raises:
            raise self.raises.pop(0)
        assert work.words.startswith(shown.words)
        self.shown.append(work)
        async with self.grown:
            self.grown.notify_all()

    async def shows(self, work: Work) -> None:
        """Until it does."""
        async with self.grown:
            await self.grown.wait_for(lambda: self.shown[-1:] == [work])


@pytest.fixture
def surface(monkeypatch: pytest.MonkeyPatch) -> Grows:
    monkeypatch.setattr(narration, "APPEND_SECONDS", 0.0)
    surface = Grows()
    surface.goes_on.set()
    return surface


def heard(surface: Grows, text: str) -> Narration:
    told = Narration(surface, PLACE)
    told.begin()
    told.text(text)
    return told


@pytest.mark.parametrize(
    ("text", "sayable"),
    [
        ("Let me look.", ""),
        (f"  \n{LONG}and a ha", f"{LONG}and a"),
        (f"{LONG}\n\n", LONG.strip()),
        (f"{LONG}see <!chan", f"{LONG}see"),
        (f"{LONG}see <!channel> and more", f"{LONG}see <!channel> and"),
        ("x" * 300, "x" * 300),
        (f"{'x' * 300}<!every", "x" * 300),
    ],
)
def test_whole_words_are_shown_once_there_are_enough_of_them(surface: Grows, text: str, sayable: str) -> None:
    assert heard(surface, text).sayable() == sayable


def test_no_more_is_shown_than_surely_stands_in_the_first_message(surface: Grows) -> None:
    assert LEAST_CHARACTERS - 10 < len(heard(surface, LONG * 30).sayable()) <= LEAST_CHARACTERS


def test_the_loop_hears_of_the_first_words_and_not_of_each_one(surface: Grows) -> None:
    told = Narration(surface, PLACE)
    told.text("word " * 10)
    assert not told.heard.is_set()
    told.text(LONG)
    assert told.heard.is_set()
    told.follow(WORKING)
    told.text(LONG)
    assert not told.heard.is_set()


def test_words_beside_calls_are_forgotten_and_so_are_those_of_a_broken_try(surface: Grows) -> None:
    told = heard(surface, LONG)
    told.begin()
    assert told.sayable() == ""
    told.text(LONG)
    told.follow(replace(WORKING, model=ModelState()))
    assert told.sayable() == ""


def test_where_nothing_streams_nothing_is_opened(surface: Grows) -> None:
    assert len(Narration(surface, PLACE).follow(WORKING)) == 1
    surface.streams = False
    assert Narration(surface, PLACE).follow(WORKING) == []


async def test_what_is_shown_follows_what_is_heard_and_seen(surface: Grows) -> None:
    told = Narration(surface, PLACE)
    told.follow(WORKING)
    told.opened("2.0", Work((TASK,)))
    told.begin()
    told.text(LONG)
    await surface.called.wait()
    done = TASK.model_copy(update={"state": "complete"})
    told.follow(replace(WORKING, turn=replace(WORKING.turn, tasks=(done,))))
    await surface.shows(Work((done,), LONG.strip()))
    assert await told.closed() == Work((done,), LONG.strip())
    assert await told.closed() is None  # told once: a second caller does not know what became of it


async def test_a_message_never_takes_back_a_word(surface: Grows) -> None:
    told = heard(surface, LONG)
    told.opened("2.0", Work(words=LONG.strip()))
    told.begin()
    told.text("Something else. " * 40)
    told.follow(WORKING)
    await surface.called.wait()  # the task is told all the same
    assert await told.closed() == Work((TASK,), LONG.strip())


async def test_after_a_wait_that_slack_asks_for_the_rest_is_told(surface: Grows) -> None:
    surface.raises = [DelayedError(0.01)]
    told = heard(surface, LONG)
    told.opened("2.0", Work(words="word"))
    await surface.shows(Work(words=LONG.strip()))
    assert await told.closed() == Work(words=LONG.strip())


@pytest.mark.parametrize(
    "error", [RefusedError("message_not_in_streaming_state"), UnclearError("lost"), ValueError("a bug of ours")]
)
async def test_after_trouble_nobody_is_sure_what_stands_there(surface: Grows, error: Exception) -> None:
    surface.raises = [error]
    told = heard(surface, LONG)
    told.opened("2.0", Work(words="word"))
    await surface.called.wait()
    assert await told.closed() is None
    assert told.words == LONG.strip()  # people may have read that


async def test_the_end_waits_for_what_is_on_its_way(surface: Grows) -> None:
    surface.goes_on.clear()
    told = heard(surface, LONG)
    told.opened("2.0", Work(words="word"))
    await surface.called.wait()
    closing = asyncio.create_task(told.closed())
    await asyncio.sleep(0)
    assert not closing.done()
    surface.goes_on.set()
    assert await closing == Work(words=LONG.strip())


def test_a_line_beside_calls_is_short_enough_not_to_be_shown() -> None:
    assert len("I will look that up in the catalogue first, and then in the orders of the last week.") < FIRST_CHARACTERS
