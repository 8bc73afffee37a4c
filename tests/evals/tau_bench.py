"""`python -m tests.evals.tau_bench CHECKOUT DOMAIN FOLDER [SPLIT]`: makes a folder for `signoff eval --adapter tau` of tau-bench.

CHECKOUT is one of github.com/sierra-research/tau-bench; DOMAIN is retail or airline; SPLIT is test, train or dev. The end of each
task is found as the benchmark finds it: by its gold calls, one after another, on the data as they begin. Then
`signoff eval FOLDER --adapter tau` plays these calls through the bot, with each card approved.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.evals import tau_bench_tools
from tests.evals.tau_bench_tools import CHANGED, Domain, module_of


def write(checkout: Path, domain: str, folder: Path, split: str = "test") -> int:
    """Write the folder; return how many tasks are in it. Raises FileNotFoundError."""
    source = Domain.read(checkout, domain)
    module = module_of(checkout, f"envs.{domain}.tasks_{split}")
    tasks: Sequence[Any] = next(value for name, value in vars(module).items() if name.startswith("TASKS"))
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_row(number, task, source) for number, task in enumerate(tasks)]
    (folder / "tasks.json").write_text(json.dumps(rows, indent=1), "utf-8")
    (folder / "data.json").write_text(json.dumps({CHANGED: []}), "utf-8")
    (folder / "source.json").write_text(json.dumps({"checkout": str(checkout.resolve()), "domain": domain}), "utf-8")
    shutil.copyfile(str(tau_bench_tools.__file__), folder / "tools.py")
    return len(rows)


def _row(number: int, task: Any, source: Domain) -> dict[str, Any]:
    changes: dict[str, Any] = {CHANGED: []}
    actions = [action for action in task.actions if action.name in source.tools]
    for action in actions:
        _, changes = source.call(action.name, action.kwargs, changes)
    return {
        "id": number,
        "instruction": task.instruction,
        "actions": [{"name": action.name, "arguments": action.kwargs} for action in actions],
        "outputs": task.outputs,
        "end_state": changes,
    }


if __name__ == "__main__":
    print(f"{write(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:5])} tasks")
