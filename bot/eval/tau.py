"""Tasks of the tau benchmarks as cases: what a person wants, the calls that do it, and the data as it is afterwards.

A folder holds `tasks.json` (rows of `id`, `instruction`, `actions` with `name` and `arguments`, `outputs`, `end_state`),
`data.json` (what each task begins with) and `tools.py`, a tool file whose tools keep their data where SIGNOFF_EVAL_DATA says.
`python -m tests.evals.tau_bench` makes such a folder of the public benchmark. Each card is approved; a task is judged by the data at its end, and by cards that ask about every write and nothing else.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from agent.tool.definition import Effect, Tool
from bot.agents.tool_files import load_tool_file
from bot.config.refusal import Refusal
from bot.eval.cases import Answer, Calls, Case, Ceilings, GoldenSet, Line, Play, Wanted, World

MORE_ITERATIONS = 3  # than there are actions: for the answer, and for a call that is asked anew
ASKER, APPROVER = "ann", "ben"


class _TaskPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Action(_TaskPart):
    """A call that a good model makes."""

    name: str
    arguments: Mapping[str, JsonValue] = {}


class Task(_TaskPart):
    """A row of `tasks.json`. `end_state`: the parts of the data that have to be so at the end."""

    id: str | int
    instruction: str
    actions: Sequence[Action] = ()
    outputs: Sequence[str] = ()
    end_state: Mapping[str, JsonValue] = {}


def read_tau(folder: Path) -> GoldenSet:
    """Return the tasks of a folder as a set. Raises Refusal."""
    tools = {tool.name: tool for tool in load_tool_file(folder / "tools.py")}
    data = _json_in(folder / "data.json")
    rows = _json_in(folder / "tasks.json")
    try:
        tasks = [Task.model_validate(row) for row in rows]
    except ValidationError as error:
        raise Refusal(f"{folder / 'tasks.json'} is no list of tasks ({error.errors()[0]['msg']}): see bot/eval/tau.py.") from None
    most = max((len(task.actions) for task in tasks), default=0) + MORE_ITERATIONS
    agent: dict[str, JsonValue] = {
        "tools": [str((folder / "tools.py").resolve())],
        "max_iterations": most,
        "budget": {"session_tokens": 10_000_000},
    }
    config: dict[str, JsonValue] = {"agents": {"assistant": agent}}
    cases = [_case(task, tools, data) for task in tasks]
    return GoldenSet(name=f"tau-{folder.name}", prompt="assistant", config=config, cases=cases)


def _case(task: Task, tools: Mapping[str, Tool], data: Mapping[str, JsonValue]) -> Case:
    for action in task.actions:
        if action.name not in tools:
            raise Refusal(f"Task {task.id} calls {action.name}, which tools.py does not have: add it.")
    writes = [action.name for action in task.actions if tools[action.name].effect is not Effect.READ]
    return Case(
        case=f"task-{re.sub('[^a-z0-9]+', '-', str(task.id).lower()).strip('-')}",
        about=("tau",),
        world=World(data=data),
        talk=[
            Line(who=ASKER, says=task.instruction),
            *(Line(who=APPROVER, does="approve", tool=name) for name in writes),
        ],
        plays=[
            *(Play(calls=[{action.name: action.arguments}]) for action in task.actions),
            Play(say=" ".join(["Done.", *task.outputs])),
        ],
        calls=Calls(must=[Wanted(tool=each.name, arguments=each.arguments, outcome=None) for each in task.actions]),
        asks=writes,
        ends_with=task.end_state,
        answer=Answer(says=tuple(task.outputs)),
        rubric="Does what was asked, and says what was asked for.",
        ceilings=Ceilings(iterations=len(task.actions) + MORE_ITERATIONS, tokens=10_000_000),
    )


def _json_in(path: Path) -> Any:
    """Return what a file holds. Raises Refusal."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Refusal(f"{path} does not exist: a folder of tasks has tasks.json, data.json and tools.py.") from None
    except ValueError as error:
        raise Refusal(f"{path} is no JSON ({error}): mend it.") from None
