"""The rules of the house: who may import whom, where each outside library lives, and files that a person can read.

Long because each room has its floor here, and each library its home.
"""

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import syntax
from tests.house.size import of_file, oversizes

REPOSITORY = Path(__file__).parents[2]
OURS = ("agent", "bot", "migrations", "prompts", "tools")

# Who -> whom of ours it may import. The longest name that fits a module decides.
MAY_IMPORT = {
    "agent": {"agent", "prompts"},
    "tools": {"agent", "tools"},
    "bot": {"agent", "bot", "migrations", "prompts", "tools"},
    "bot/cli.py": {"agent", "bot", "bot/eval_cli.py"},
    "bot/eval_cli.py": {"agent", "bot", "bot/eval"},
    "bot/sandbox": {"bot/sandbox"},
    "bot/sandbox/demo.py": {"bot", "bot/sandbox", "bot/sandbox/audit_trail.py", "tools"},  # starts the bot beside it
    "bot/sandbox/audit_trail.py": {"agent"},  # reads the log of that bot
    "bot/sandbox/supplier_tool.py": {"tools"},  # a tool file of that bot
    "bot/eval": {"agent", "bot", "bot/eval", "bot/sandbox", "migrations", "prompts", "tools"},
    "migrations": {"agent", "migrations", "tools"},
    "prompts": set[str](),
}

# Within a package a folder imports only from lower floors; a file beside the folders is a room too. Imports inside functions and
# under TYPE_CHECKING count.
FLOORS = {
    "agent/__init__.py": 0,
    "agent/types.py": 1,
    "agent/errors.py": 1,
    "agent/canonical.py": 1,
    "agent/text.py": 1,
    "agent/retry_after.py": 1,
    "agent/certificates.py": 1,
    "agent/foreign_json.py": 2,
    "agent/bounded": 2,
    "agent/cancelled.py": 1,
    "agent/fence.py": 2,
    "agent/first_use.py": 2,
    "agent/telemetry.py": 2,
    "agent/trace_ids.py": 1,
    "agent/metrics": 3,
    "agent/tool": 3,
    "agent/declare.py": 4,
    "agent/fallback.py": 4,
    "agent/approvals": 4,
    "agent/embeddings": 4,
    "agent/masking": 4,
    "agent/model": 4,
    "agent/session": 5,
    "agent/prompts": 5,
    "agent/memory": 6,
    "agent/decide": 7,
    "agent/store": 7,
    "agent/run": 8,
    "agent/reports": 8,
    "agent/conversation_log": 9,
    "agent/shadow": 9,
    "agent/cases": 10,
    "bot/__init__.py": 0,
    "bot/config": 1,
    "bot/cards": 1,
    "bot/completing.py": 2,
    "bot/moments.py": 2,
    "bot/refusing.py": 2,
    "bot/statistics": 1,
    "bot/slack": 2,
    "bot/stores": 2,
    "bot/agents": 3,
    "bot/dialogs": 3,
    "bot/home": 3,
    "bot/report": 3,
    "bot/commands": 4,
    "bot/app": 4,
    "bot/memory_cli.py": 5,
    "bot/policy_cli.py": 5,
    "bot/prompts_cli.py": 5,
    "bot/sandbox": 5,
    "bot/eval": 6,
    "bot/eval_cli.py": 7,
    "bot/cli.py": 8,
}
# `signoff demo` starts the sandbox, which starts this command line again: the two name each other in one line each.
DEMO = {"bot/cli.py imports bot.sandbox.demo.demonstrate", "bot/sandbox/demo.py imports bot.cli.cli"}

# Outside library -> where it lives: a folder, or the files that may know it. A new library gets its line here first.
HOMES: dict[str, set[str]] = {
    "aiohttp": {"agent/embeddings/server.py", "bot", "tools/fetching.py"},
    "alembic": {"migrations"},
    "anthropic": {"agent/model/anthropic.py", "bot/commands/doctor.py"},
    "anyio": {"tools/mcp/http.py"},  # the streams of the mcp SDK
    "cel_expr_python": {"agent/approvals/condition.py"},
    "dotenv": {"bot/config/settings.py"},
    "fakeredis": {"bot/stores/embedded/redis.py"},
    "httpx2": {
        "agent/certificates.py",
        "agent/model/anthropic.py",
        "tools/mcp/http.py",
    },  # the HTTP of the anthropic SDK and of the mcp SDK
    "jsonschema": {"agent/tool/json_schema.py", "agent/tool/schema_check.py"},
    "mcp": {"tools/mcp"},
    "mcp_types": {"tools/mcp"},  # the types of the mcp SDK
    "numpy": {"agent/embeddings", "bot/statistics"},  # comes with wordllama, as do safetensors and tokenizers
    "onnxruntime": {"agent/embeddings/minilm.py"},
    "opentelemetry": {"agent/metrics", "agent/telemetry.py", "bot/app/exporting.py", "bot/app/span_ids.py"},
    "pgvector": {"agent/store/memory_tables.py"},
    "plotly": {"bot/report/charts.py", "bot/report/page.py"},
    "presidio_analyzer": {"agent/masking/known.py"},
    "prometheus_client": {"bot/app/exporting.py"},
    "psycopg": {"agent", "bot", "tools"},
    "psycopg_pool": {"agent", "bot", "tools"},
    "pydantic": {"agent", "bot", "tools"},
    "pydantic_core": {"agent/tool/json_schema.py", "agent/tool/patterns.py"},
    "pydantic_settings": {"bot/config/settings.py"},
    "pypdf": {"agent/memory/pdf.py"},
    "re2": {"agent/masking/team.py"},
    "redis": {
        "agent/store/memory_values.py",
        "agent/store/redis_budgets.py",
        "bot/commands/doctor_stores.py",
        "bot/eval/running.py",
    },
    "referencing": {"agent/tool/schema_check.py"},  # how jsonschema follows references
    "rich": {"bot"},
    "safetensors": {"agent/embeddings/wordllama.py"},
    "slack_bolt": {"bot"},
    "slack_sdk": {"bot"},
    "spacy": {"agent/masking/names.py"},
    "sqlalchemy": {
        "agent/cases/tables.py",
        "agent/conversation_log/tables.py",
        "agent/store/memory_tables.py",
        "agent/store/prompt_tables.py",
        "agent/store/tables.py",
        "bot",
        "migrations",
        "tools/catalog/tables.py",
    },
    "sqlmodel": {
        "agent/cases/tables.py",
        "agent/conversation_log/tables.py",
        "agent/store/memory_tables.py",
        "agent/store/prompt_tables.py",
        "agent/store/tables.py",
        "migrations/env.py",
        "tools/catalog/tables.py",
    },
    "tenacity": {"agent/embeddings/server.py", "agent/model/anthropic.py"},
    "tokenizers": {"agent/embeddings/minilm.py", "agent/embeddings/wordllama.py"},
    "typer": {
        "bot/cli.py",
        "bot/completing.py",
        "bot/moments.py",
        "bot/eval/command.py",
        "bot/eval_cli.py",
        "bot/memory_cli.py",
        "bot/policy_cli.py",
        "bot/prompts_cli.py",
        "bot/refusing.py",
    },
    "yaml": {"agent/prompts/versions.py", "bot/config/yaml_file.py", "bot/config/manifest.py", "bot/eval/drafts.py"},
}


def parsed(module: str) -> ast.Module:
    """Return the syntax tree of a file of ours, by its path as seen from the repository."""
    return syntax.parsed(REPOSITORY / module)


def modules() -> Iterator[str]:
    """Paths of our Python files, as seen from the repository."""
    for folder in OURS:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix()


@functools.cache
def imports(module: str) -> tuple[str, ...]:
    """Dotted names that a module imports, with what it takes from a package added: `from a import b` gives a.b."""
    package = module.removesuffix(".py").removesuffix("/__init__").split("/")
    is_package = module.endswith("/__init__.py")
    found: list[str] = []
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = node.level - is_package
            above = package[: len(package) - up] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found += [f"{origin}.{alias.name}" for alias in node.names]
    return tuple(found)


@functools.cache
def part_of(name: str) -> str:
    """The part of the house that a path or a dotted name lies in."""
    path = name if name.endswith(".py") else path_of(name) or name.replace(".", "/")
    return max((part for part in MAY_IMPORT if path == part or path.startswith(f"{part}/")), key=len)


def lies_in(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}/") for place in places)


def test_the_ways_through_the_house_lead_one_way() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if name.split(".")[0] in OURS and part_of(name) not in MAY_IMPORT[part_of(module)]
    ]
    assert set(wrong) <= DEMO


def room_of(path: str) -> str:
    """Return the folder of a package that a path lies in, or the file itself where it lies beside the folders."""
    return max((room for room in FLOORS if path == room or path.startswith(f"{room}/")), key=len)


@functools.cache
def path_of(name: str) -> str | None:
    """Return the file or folder of ours that a dotted name is, or is taken from."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        path = "/".join(parts[:length])
        if (REPOSITORY / f"{path}.py").is_file():
            return f"{path}.py"
        if (REPOSITORY / path).is_dir():
            return path
    return None


def test_a_folder_imports_only_from_lower_floors() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        if module.split("/")[0] in ("agent", "bot")
        for name in imports(module)
        if name.split(".")[0] == module.split("/")[0] and (path := path_of(name))
        if room_of(path) != room_of(module) and FLOORS[room_of(path)] >= FLOORS[room_of(module)]
    ]
    assert set(wrong) <= DEMO


def test_every_room_has_a_floor_and_opening_lines() -> None:
    rooms = {
        path.relative_to(REPOSITORY).as_posix()
        for package in ("agent", "bot")
        for path in (REPOSITORY / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms == set(FLOORS)
    for room in rooms:
        opening = REPOSITORY / room / "__init__.py" if (REPOSITORY / room).is_dir() else REPOSITORY / room
        lines = (ast.get_docstring(syntax.parsed(opening)) or "").splitlines()
        assert len(lines) >= (3 if (REPOSITORY / room).is_dir() else 1), f"{opening} does not say what it is"


def test_every_outside_library_has_one_home() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        if part_of(module) != "bot/sandbox"
        for name in (dotted.split(".")[0] for dotted in imports(module))
        if name not in OURS and name not in sys.stdlib_module_names and not lies_in(module, HOMES.get(name, set()))
    ]
    assert wrong == []


def test_the_sandbox_needs_nothing_but_a_web_server() -> None:
    outside = {dotted.split(".")[0] for module in modules() if part_of(module) == "bot/sandbox" for dotted in imports(module)}
    assert outside - set(OURS) - set(sys.stdlib_module_names) == {"aiohttp"}


def test_only_bot_knows_slack() -> None:
    assert {library: home for library, home in HOMES.items() if library.startswith("slack")} == {
        "slack_bolt": {"bot"},
        "slack_sdk": {"bot"},
    }


def test_every_library_is_named_in_pyproject() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked_for = [*project["dependencies"], *extras["demo"], *extras["minilm"], *extras["report"]]
    named = {re.split(r"[\[>=;]", line)[0].replace("-", "_") for line in asked_for}
    distributions = {"yaml": "pyyaml", "psycopg_pool": "psycopg", "httpx2": "anthropic", "anyio": "mcp"}
    distributions |= dict.fromkeys(("numpy", "safetensors", "tokenizers"), "wordllama")
    distributions |= {"opentelemetry": "opentelemetry_sdk", "re2": "google_re2", "spacy": "presidio_analyzer"}
    distributions |= {"prometheus_client": "opentelemetry_exporter_prometheus"}
    distributions |= {"dotenv": "pydantic_settings", "mcp_types": "mcp", "pydantic_core": "pydantic", "referencing": "jsonschema"}
    assert {distributions.get(library, library) for library in HOMES} <= named


def test_every_file_and_class_can_be_read_in_one_sitting_or_says_why_not() -> None:
    assert [one for one in oversizes() if not one.reason] == []


@pytest.mark.parametrize(
    ("name", "text", "size", "reason"),
    [
        ("a.py", "x = 1\n" * 300, None, ""),
        ("a.py", "x = 1\n" * 301, "301 lines", ""),
        ("a.py", '"""Do it.\n\nLong because it\nmust.\n\nMore.\n"""\n' + "x = 1\n" * 300, "307 lines", "it must."),
        ("a.css", "/* All of it.\n * Long because it must. */\n" + "a {}\n" * 300, "302 lines", "it must. "),
        ("a.py", "class A:\n" + "".join(f"    f{n}: int\n" for n in range(13)), "13 fields, 0 methods", ""),
        ("a.py", "class A:\n" + "".join(f"    f{n}: int\n" for n in range(12)), None, ""),
        ("a.py", 'class A:\n    """Wide because."""\n' + "    def f(self): ...\n" * 13, "0 fields, 13 methods", ""),
        ("a.py", 'class A:\n    """Wide because so."""\n' + "    def f(self): ...\n" * 13, "0 fields, 13 methods", "so."),
        (
            "a.py",
            "class A:\n    def __init__(self):\n" + "".join(f"        self.f{n} = 1\n" for n in range(13)),
            "13 fields, 0 methods",
            "",
        ),
    ],
)
def test_what_is_long_or_wide_is_found_with_its_reason(name: str, text: str, size: str | None, reason: str) -> None:
    [*found] = of_file(name, text, ast.parse(text) if name.endswith(".py") else None)
    assert [(one.size, one.reason) for one in found] == ([] if size is None else [(size, reason.strip())])


@pytest.mark.parametrize(
    "file",
    ["requirements.lock", "requirements-dev.lock", "pyproject.toml", "Makefile", "venv.sh", ".ci/run", "Dockerfile"],
)
def test_packages_come_from_whatever_registry_the_machine_is_set_up_for(file: str) -> None:
    text = (REPOSITORY / file).read_text()
    assert re.findall(r"\w+://(?!127\.0\.0\.1)\S+", text) == []
    assert re.findall(r"--?(?:extra-)?index-url|--find-links|--trusted-host|\bPIP_\w+|\bUV_INDEX\w*", text) == []


def test_every_package_in_the_locks_is_pinned_by_hash() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=\S)", (REPOSITORY / lock).read_text().strip())
        packages = [entry for entry in entries if not entry.startswith("#")]
        assert len(packages) > 30
        assert [entry for entry in packages if not re.match(r"[\w.-]+==\S+.*\\\n\s+--hash=sha256:", entry)] == []


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {"requirements.lock": [*project["dependencies"]]}
    wanted["requirements.lock"] += extras["names"]
    wanted["requirements-dev.lock"] = [*wanted["requirements.lock"], *extras["demo"], *extras["dev"]]
    for lock, lines in wanted.items():
        assert {re.split(r"[\[>=;]", line)[0] for line in lines} - locked(lock) == set(), "run `make lock`"


def test_what_only_the_demo_needs_is_not_installed_with_the_bot() -> None:
    assert {"fakeredis", "lupa"} <= locked("requirements-dev.lock")
    assert {"fakeredis", "lupa"} & locked("requirements.lock") == set()


def locked(lock: str) -> set[str]:
    """Return the names of the packages in a lock."""
    return set(re.findall(r"^([\w.-]+)==", (REPOSITORY / lock).read_text(), re.MULTILINE))
