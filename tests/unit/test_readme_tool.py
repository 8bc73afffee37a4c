"""The tool that the README shows: ten lines, taken as they stand there, and run."""

import json
import re
from pathlib import Path

import pytest

from agent.tool.definition import Effect, Result, ToolContext, registry, run
from agent.tool.validation import validate
from bot.agents.tool_files import load_tool_file
from bot.commands.tools_report import lint
from bot.config.file import AgentSection, Config

README = Path(__file__).parents[2] / "README.md"


async def test_the_tool_that_the_readme_shows_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [shown] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in shown.splitlines() if line]) == 10
    (tmp_path / "ops.py").write_text(shown)
    monkeypatch.chdir(tmp_path)
    [add_note] = load_tool_file(Path("ops.py"))
    packs = {"built in": [], "ops.py": [add_note]}
    assert list(lint(Config(agents={"ops": AgentSection(tools=("ops.py",))}), packs)) == []
    assert (add_note.effect, add_note.verb) == (Effect.WRITE, "Add note")
    arguments = validate(registry([add_note]), "add_note", {"text": "Order lamps"})
    assert not isinstance(arguments, Result)
    assert add_note.headline is not None
    assert add_note.headline(arguments) == "Note: Order lamps"
    result = await run(add_note, arguments, ToolContext("T1:C1:1.0", "U1", "key"))
    assert json.loads(result.text()) == {"ok": True, "result": {"characters": 12}}
    assert (tmp_path / "notes.txt").read_text() == "Order lamps\n"
