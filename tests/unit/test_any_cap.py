"""Whatever happens in a turn up to its last model call: what people read then names each of its calls, with its true fate.

The fates are read off the log here, step by step, and not off what the session makes of it. `test_histories` asks the same of
every history that it plays.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from hypothesis import event, given
from hypothesis import strategies as st

from agent.errors import AgentMaxIterationsError
from agent.session.steps import (
    ActionDecided,
    Asked,
    Halted,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    ProposedAction,
    Step,
    ToolReturned,
)
from tests.profiles import examples
from tests.unit.simulated import Simulation
from tests.unit.simulated_rules import TOOLS

LABELS = {  # as people read them
    "Done": "done",
    "Only read": "done",
    "Failed": "failed",
    "Outcome unknown, it may have run": "unknown",
    "Not run": "not run",
}
FATES = {"succeeded": "done", "failed": "failed", "unknown": "unknown", "refused": "not run"}
NAMED = re.compile(r"(\w+(?: \w+)*)(?: \((?!\d+ times)[^()]*\))?(?: \((\d+) times\))?")  # with why it was not run, and how often


def capped_turns(steps: Sequence[Step]) -> Iterator[tuple[Sequence[Step], str]]:
    """Yield the steps of every turn that ended at the cap, and what people read."""
    begun = 0
    for number, step in enumerate(steps):
        if isinstance(step, Asked | OutcomeTold):
            begun = number
        if isinstance(step, Halted) and step.error == AgentMaxIterationsError.__name__:
            yield steps[begun:number], step.sentence


def fates(turn: Sequence[Step], proposed: Mapping[str, ProposedAction]) -> dict[str, tuple[str, str]]:
    """Return tool and fate of each call of a turn, by the call's id. `proposed`: every action there was."""
    tools: dict[str, str] = {}
    found: dict[str, tuple[str, str]] = {}
    for step in turn:
        match step:
            case OutcomeTold(action_id=id, answer="run_again"):
                tools[proposed[id].call_id] = proposed[id].tool
            case ModelReplied(stop_reason="tool_use"):  # what was cut, or refused, are no calls
                tools |= {str(block["id"]): str(block["name"]) for block in step.content if block["type"] == "tool_use"}
            case ToolReturned():
                found[step.call_id] = tools[step.call_id], FATES[step.outcome]
            case ActionDecided() if step.decision != "approved":
                call_id = proposed[step.action_id].call_id
                found[call_id] = tools[call_id], "not run"
            case _:
                pass
    assert tools.keys() == found.keys(), "a turn ended while a call of it had not"
    return found


def named(sentence: str) -> Counter[tuple[str, str]]:
    """Return how often each tool is named with which fate."""
    found: Counter[tuple[str, str]] = Counter()
    for line in sentence.splitlines():
        if line.startswith("• "):
            label, _, names = line[2:].partition(": ")
            for tool, times in ((words.lower().replace(" ", "_"), times) for words, times in NAMED.findall(names)):
                found[tool, LABELS[label]] += int(times or 1)
                assert (label == "Only read") == (LABELS[label] == "done" and tool in TOOLS and TOOLS[tool].reads)
    return found


def assert_each_call_is_named(steps: Sequence[Step]) -> None:
    """At the cap every call is named with its true fate, and nothing else is."""
    proposed = {step.action_id: step for step in steps if isinstance(step, ProposedAction)}
    for turn, sentence in capped_turns(steps):
        of_turn = fates(turn, proposed)
        assert named(sentence) == Counter(of_turn.values())
        for fate in {fate for _, fate in of_turn.values()}:
            event(f"at the cap something was {fate}")


class Persevering(Simulation):
    """One whose people let most of it run and say nothing else, so that many turns get to their last model call."""

    disturbances = ("click", "click", "outcome", "nudge", "crash")


def played(seed: int) -> list[Step]:
    """The log of such a session, which goes on as long as the model calls something."""
    simulation = Persevering(seed)
    for _ in range(120):
        simulation.ask_again()
        simulation.play()
    simulation.settle_down()
    return simulation.steps


def test_the_last_reply_that_is_paid_for_is_used_like_any_other_and_each_call_is_named() -> None:
    became: Counter[str] = Counter()

    @examples(1)
    @given(seed=st.integers(0, 2**32))
    def any_turns(seed: int) -> None:
        steps = played(seed)
        assert_each_call_is_named(steps)
        proposed = {step.action_id: step for step in steps if isinstance(step, ProposedAction)}
        for turn, _ in capped_turns(steps):
            asked = [step for step in turn if isinstance(step, ModelStarted) and step.purpose == "reply"]
            assert asked[-1].iteration == 4  # of the rules of the simulation
            last = next(step for step in reversed(turn) if isinstance(step, ModelReplied))
            if last.stop_reason == "tool_use":
                of_turn = fates(turn, proposed)
                became.update(of_turn[str(block["id"])][1] for block in last.content if block["type"] == "tool_use")

    any_turns()
    assert became.total() > 20, became
    assert became["done"] + became["failed"] + became["unknown"] > became.total() / 4, became
