"""The rules of the house: who may import whom, where each outside library lives, and files that a person can read."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
OURS = ("agent", "bot", "migrations", "prompts", "tools")
MOST_LINES = 400

# Who -> whom of ours it may import. The longest name that fits a module decides.
MAY_IMPORT = {
    "agent": {"agent", "prompts"},
    "tools": {"agent", "tools"},
    "bot": {"agent", "bot", "migrations", "prompts", "tools"},
    "bot/sandbox": {"bot/sandbox"},
    "migrations": {"agent", "migrations", "tools"},
    "prompts": set[str](),
}

# Outside library -> where it lives: a folder, or the files that may know it. A new library gets its line here first.
HOMES: dict[str, set[str]] = {
    "aiohttp": {"bot", "tools/web.py"},
    "alembic": {"migrations"},
    "anthropic": {"agent/model.py", "bot/doctor.py"},
    "cel_expr_python": {"agent/condition.py"},
    "dotenv": {"bot/settings.py"},
    "fakeredis": {"bot/embedded/redis.py"},
    "httpx2": {"agent/model.py", "tools/mcp/transport.py"},  # the HTTP of the anthropic SDK and of the mcp SDK
    "jsonschema": {"agent/json_arguments.py"},
    "mcp": {"tools/mcp"},
    "mcp_types": {"tools/mcp"},  # the types of the mcp SDK
    "opentelemetry": {"agent/telemetry.py"},
    "psycopg": {"agent", "bot", "tools"},
    "psycopg_pool": {"agent", "bot", "tools"},
    "pydantic": {"agent", "bot", "tools"},
    "pydantic_core": {"agent/json_arguments.py"},
    "pydantic_settings": {"bot/settings.py"},
    "redis": {"agent/budget.py", "bot/doctor.py"},
    "referencing": {"agent/json_arguments.py"},  # how jsonschema follows references
    "rich": {"bot"},
    "slack_bolt": {"bot"},
    "slack_sdk": {"bot"},
    "sqlalchemy": {"agent/tables.py", "bot", "migrations", "tools/catalog/tables.py"},
    "sqlmodel": {"agent/tables.py", "migrations/env.py", "tools/catalog/tables.py"},
    "tenacity": {"agent/model.py"},
    "typer": {"bot/cli.py"},
    "yaml": {"bot/config.py", "bot/manifest.py"},
}
SAYING_NOTHING = {"utils", "util", "helpers", "helper", "manager", "service", "base", "common", "misc"}


def modules() -> Iterator[str]:
    """Paths of our Python files, as seen from the repository."""
    for folder in OURS:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix()


def imports(module: str) -> Iterator[str]:
    """Dotted names that a module imports, with what it takes from a package added: `from a import b` gives a.b."""
    package = module.removesuffix(".py").removesuffix("/__init__").split("/")
    is_package = module.endswith("/__init__.py")
    for node in ast.walk(ast.parse((REPOSITORY / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = node.level - is_package
            above = package[: len(package) - up] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """The part of the house that a path or a dotted name lies in."""
    path = name.replace(".", "/")
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
    # The wiring names the sandbox in one place, for `signoff demo`.
    assert [line for line in wrong if not re.match(r"bot/demo\w*\.py imports bot\.sandbox", line)] == []


def test_every_outside_library_has_one_home() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        if not module.startswith("bot/sandbox/")
        for name in (dotted.split(".")[0] for dotted in imports(module))
        if name not in OURS and name not in sys.stdlib_module_names and not lies_in(module, HOMES.get(name, set()))
    ]
    assert wrong == []


def test_the_sandbox_needs_nothing_but_a_web_server() -> None:
    outside = {dotted.split(".")[0] for module in modules() if module.startswith("bot/sandbox/") for dotted in imports(module)}
    assert outside - set(OURS) - set(sys.stdlib_module_names) == {"aiohttp"}


def test_only_bot_knows_slack() -> None:
    assert {library: home for library, home in HOMES.items() if library.startswith("slack")} == {
        "slack_bolt": {"bot"},
        "slack_sdk": {"bot"},
    }


def test_every_library_is_named_in_pyproject() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[\[>=;]", line)[0].replace("-", "_") for line in project["dependencies"]}
    distributions = {"yaml": "pyyaml", "psycopg_pool": "psycopg", "httpx2": "anthropic"}
    distributions |= {"opentelemetry": "opentelemetry_sdk"}
    distributions |= {"dotenv": "pydantic_settings", "mcp_types": "mcp", "pydantic_core": "pydantic", "referencing": "jsonschema"}
    assert {distributions.get(library, library) for library in HOMES} <= named


def test_no_module_is_named_after_nothing() -> None:
    assert [module for module in modules() if SAYING_NOTHING & set(module.removesuffix(".py").split("/"))] == []


def test_no_class_is_named_after_nothing() -> None:
    endings = tuple(word.capitalize() for word in SAYING_NOTHING)
    named = [
        f"{module}: {node.name}"
        for module in modules()
        for node in ast.walk(ast.parse((REPOSITORY / module).read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(endings)
    ]
    assert named == []


def test_every_file_can_be_read_in_one_sitting() -> None:
    files = [
        path
        for folder in (*OURS, "tests")
        for ending in ("py", "js", "css", "html")
        for path in (REPOSITORY / folder).rglob(f"*.{ending}")
    ]
    lengths = {path.relative_to(REPOSITORY).as_posix(): len(path.read_text().splitlines()) for path in files}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


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
    wanted = {"requirements.lock": project["dependencies"]}
    wanted["requirements-dev.lock"] = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for lock, lines in wanted.items():
        locked = set(re.findall(r"^([\w.-]+)==", (REPOSITORY / lock).read_text(), re.MULTILINE))
        assert {re.split(r"[\[>=;]", line)[0] for line in lines} - locked == set(), "run `make lock`"
