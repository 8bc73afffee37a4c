"""SQL tells some steps apart by how their JSON is laid out, and the audit trigger by its words: the models keep to both."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import migrations
from agent.session import step_text
from agent.session.step_text import AUDITED, SINCE, WRITTEN_BY_SQL, StepKind, begins
from agent.session.steps import Compacted, Step
from agent.store import statements
from tests.unit.test_machine import EVERY

MODELS: tuple[type[BaseModel], ...] = get_args(get_args(Step)[0])
KINDS = {model.model_fields["kind"].default for model in MODELS}
AUDIT = (Path(migrations.__file__).parent / "versions" / "0010_audit_binds.py").read_text("utf-8")
KIND = re.compile(r'^\s*\{\s*"kind"\s*:\s*"([a-z_]+)"')  # as the computed column of steps has it


def test_every_kind_of_step_is_named() -> None:
    assert set(get_args(StepKind)) == KINDS


@pytest.mark.parametrize("kind", ["asked", "compacted", "tool_returned"])
def test_a_step_begins_with_its_kind(kind: StepKind) -> None:
    assert EVERY[kind].model_dump_json().startswith(begins(kind))  # pyright: ignore[reportArgumentType]
    assert [other for other, step in EVERY.items() if step.model_dump_json().startswith(begins(kind))] == [kind]  # pyright: ignore[reportArgumentType]


def test_a_step_that_is_found_by_its_text_is_written_by_us() -> None:
    """And those that SQL writes are the ones that are said to be so."""
    texts = [text for text in vars(statements).values() if isinstance(text, str)]
    written = {kind for text in texts for kind in re.findall(r"json_build_object\('kind', '(\w+)'", text)}
    assert written == WRITTEN_BY_SQL
    found = {kind for text in texts for kind in re.findall(r"starts_with\([\w.]+::text, '\{\"kind\":\"(\w+)\"'", text)}
    assert found == {"compacted", "tool_returned"}
    assert not found & written


def test_where_a_context_begins_stands_before_anything_that_people_wrote() -> None:
    step = Compacted(since=7, head='"since":9', facts=('"since":9',), state={"since": 9})
    found = re.search(SINCE, step.model_dump_json())
    assert found is not None
    assert found[1] == "7"


# ---------------------------------------------------------------------------------------------- the audit trigger


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_column_says_what_kind_a_step_is(kind: StepKind) -> None:
    assert KIND.pattern in AUDIT
    found = KIND.match(EVERY[kind].model_dump_json())
    assert found is not None
    assert found[1] == kind


def test_the_trigger_looks_at_what_it_is_to_audit() -> None:
    [watched] = re.findall(r"WHEN \(NEW\.kind IN \(([^)]*)\)", AUDIT)
    assert set(re.findall(r"'(\w+)'", watched)) == AUDITED


def test_the_trigger_speaks_of_kinds_and_fields_that_there_are() -> None:
    kinds = set(re.findall(r"made\.kind = '(\w+)'", AUDIT)) | {
        word
        for words in re.findall(r"NEW\.kind IN \(([^)]*)\)|CASE made\.kind((?:\s*WHEN '\w+' THEN \S+)+)", AUDIT)
        for word in (re.findall(r"'(\w+)'", words[0]) or re.findall(r"WHEN '(\w+)'", words[1]))
    }
    assert kinds <= KINDS
    assert {"proposed_action", "voted", "action_decided", "edited", "tool_started", "tool_returned"} <= kinds
    fields = set(re.findall(r"said ->>? '(\w+)'", AUDIT)) | {
        path.split(",")[0] for path in re.findall(r"said #>>? '\{([^}]*)\}'", AUDIT)
    }
    assert fields <= {name for model in MODELS for name in model.model_fields}
    assert {"unasked", "digest", "verdict", "outcome"} <= fields


def test_the_conditions_are_built_here_alone() -> None:
    """Nowhere else does code of ours rely on how a step's text begins."""
    root = Path(step_text.__file__).parents[1]
    others = [path.name for path in root.rglob("*.py") if '"kind":"' in path.read_text("utf-8") and path.name != "step_text.py"]
    assert others == []
