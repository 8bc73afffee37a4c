"""A tool file for `signoff eval --adapter tau`: the tools of a checkout of tau-bench (github.com/sierra-research/tau-bench).

`tests.evals.tau_bench` copies it beside a `source.json` that says where the checkout is, and which domain. The data of a task are
megabytes, so the file that SIGNOFF_EVAL_DATA names holds what is not as in the checkout: entries by "table/id", and their names.
"""

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from agent.tool.definition import Effect, Tool, ToolContext
from agent.tool.json_schema import JsonArguments, json_arguments
from agent.tool.threads import leaving_the_loop

CHANGED = "changed"  # the names of all entries that are not as they were
READS = ("calculate", "find_", "get_", "list_", "search_", "think", "transfer_")  # beginnings of names; the others write

Data = dict[str, dict[str, Any]]


def module_of(checkout: Path, name: str) -> ModuleType:
    """Return a module of the benchmark, without running its packages' own opening lines: they want a client for a model."""
    for package in ("tau_bench", "tau_bench.envs", "tau_bench.envs.retail", "tau_bench.envs.airline"):
        if package not in sys.modules:
            opened = ModuleType(package)
            opened.__path__ = [str(checkout / package.replace(".", "/"))]
            sys.modules[package] = opened
    return importlib.import_module(f"tau_bench.{name}")


@dataclass(frozen=True)
class Domain:
    """What a domain of the benchmark begins with, and its tools by name."""

    tables: Mapping[str, str]  # as JSON: read anew for each call, since the benchmark's tools change what they are given
    tools: Mapping[str, Any]

    @classmethod
    def read(cls, checkout: Path, name: str) -> "Domain":
        """Return a domain of a checkout. Raises FileNotFoundError."""
        folder = checkout / "tau_bench" / "envs" / name / "data"
        tables = {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.json"))}
        tools = module_of(checkout, f"envs.{name}.tools").ALL_TOOLS
        return cls(tables, {tool.get_info()["function"]["name"]: tool for tool in tools})

    def begun(self) -> Data:
        """Return the data as each task begins with them."""
        return {table: json.loads(text) for table, text in self.tables.items()}

    def call(self, name: str, arguments: Mapping[str, Any], changes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return what a tool says, and all changes to the data after it."""
        data, begun = self.begun(), self.begun()
        for entry, value in changes.items():
            if entry != CHANGED:
                table, _, id = entry.partition("/")
                data[table][id] = value
        try:
            said = str(self.tools[name].invoke(data=data, **arguments))
        except Exception as error:  # as the benchmark's own loop has it
            said = f"Error: {error}"
        changed = {
            f"{table}/{id}": value
            for table, entries in data.items()
            for id, value in entries.items()
            if begun[table].get(id) != value
        }
        return said, {**changed, CHANGED: sorted(changed)}


def tools_of(domain: Domain) -> Sequence[Tool]:
    """Return a domain's tools as ours, with the benchmark's own words and schemas."""
    return [_tool(domain, tool.get_info()["function"]) for tool in domain.tools.values()]


def _tool(domain: Domain, info: Mapping[str, Any]) -> Tool:
    name = str(info["name"])

    def handler(arguments: JsonArguments, context: ToolContext) -> dict[str, Any]:
        kept = Path(os.environ["SIGNOFF_EVAL_DATA"])
        said, changes = domain.call(name, arguments.root, json.loads(kept.read_text("utf-8")))
        kept.write_text(json.dumps(changes), "utf-8")
        return {"text": said}

    return Tool(
        name=name,
        description=str(info["description"]),
        arguments=json_arguments(info["parameters"]),
        handler=leaving_the_loop(handler),
        effect=Effect.READ if name.startswith(READS) else Effect.WRITE,
    )


SOURCE = Path(__file__).with_name("source.json")
if SOURCE.exists():
    _source = json.loads(SOURCE.read_text("utf-8"))
    globals().update({tool.name: tool for tool in tools_of(Domain.read(Path(_source["checkout"]), _source["domain"]))})
