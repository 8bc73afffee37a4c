"""Whatever stands in the environment, in `.env`, signoff.yaml, .mcp.json or a file of cases: it is taken, or refused in a
sentence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from bot.agents.policy_cases import read_cases
from bot.config.file import examine_config
from bot.config.mcp_file import read_servers
from bot.config.refusal import Refusal
from bot.config.settings import MUST_BE, Settings, environment, examine_settings
from bot.config.yaml_file import FLAT
from tests.house.settings import NAME, sections
from tests.profiles import examples

pytestmark = pytest.mark.usefixtures("here")

# Words of the libraries below us, and of Python.
FOREIGN = re.compile(
    r"valid (?:str|int|bool|dict|num|list|tup)|pattern '|dictionary|parse|validation|Input|\bNone\b|instance of|Error"
)
FOLDER = HealthCheck.function_scoped_fixture  # the folder is the same for all examples, and each writes its file anew

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.dates()
    | st.sampled_from(["4s", "U1", "C1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=4,
)

PLACES = st.sampled_from(list(sections().items()))
OWN_NAMES = st.sampled_from(["a", "C1", "m"])


def assert_is_for_people(sentence: str) -> None:
    assert "\n" not in sentence
    assert FOREIGN.search(sentence) is None, sentence


@st.composite
def files(draw: st.DrawFn) -> str:
    """Draw a file in which one setting that there is has a value that it may not have."""
    place, section = draw(PLACES)
    value: Any = {draw(st.sampled_from([*section.fields_by_key(), "nosuch"])): draw(ANYTHING)}
    for part in reversed(place):
        value = [value] if part == "0" else {draw(OWN_NAMES) if part == NAME else part: value}
    return yaml.safe_dump(value)


@examples(3, FOLDER)
@given(files())
def test_any_value_of_any_setting_is_taken_or_refused_in_a_sentence(text: str) -> None:
    Path("signoff.yaml").write_text(text)
    for problem in examine_config()[1]:
        assert_is_for_people(problem.wrong)


@examples(1, FOLDER)
@given(st.binary(max_size=60) | st.text(alphabet="a:-[]{}&*!?|>\"'#%@` \n\t0é\u2028", max_size=40).map(str.encode))
@example(b"[" * 1_000)  # more levels than Python lets a reader enter; how long it takes grows with their square
@example(b"a: &a [*a]")
@example(b"".join(b"a%d: &a%d [%s]\n" % (n, n, b"*a%d, " % (n - 1) * 9 if n else b"x") for n in range(12)))
@example(b"x: 2026-99-99")
@example(b"x: " + b"9" * 5000)
def test_any_text_of_a_file_is_taken_or_refused_in_a_sentence(text: bytes) -> None:
    for name in ("signoff.yaml", "cases.yaml"):
        Path(name).write_bytes(text)
    for read in (lambda: examine_config()[1], lambda: read_cases(Path("cases.yaml"))):
        try:
            found: Any = read()
        except Refusal as refusal:
            assert_is_for_people(str(refusal))
        else:
            assert all("\n" not in str(each) for each in found)


@examples(1, FOLDER)
@given(st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps({"mcpServers": {"a": value}}, default=str).encode()))
@example(b"[" * 100_000)
@example(b"9" * 5000)
def test_any_list_of_servers_is_taken_or_refused_in_a_sentence(text: bytes) -> None:
    Path(".mcp.json").write_bytes(text)
    try:
        read_servers(None, {}, {})
    except Refusal as refusal:
        assert_is_for_people(str(refusal))


@examples(1, FOLDER)
@given(st.binary(max_size=60))
def test_any_env_file_is_taken_or_refused_in_a_sentence(text: bytes) -> None:
    Path(".env").write_bytes(text)
    for read in (environment, examine_settings):
        try:
            read()
        except Refusal as refusal:
            assert_is_for_people(str(refusal))


VALUES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20)
ADDRESSES = st.builds(
    "{}://{}".format,
    st.sampled_from(["http", "https", "redis", "unix", "postgres", "postgresql"]),
    st.text(alphabet="ab.:/@?=&%#[]0é ", max_size=20),
)


@examples(3, FOLDER)
@given(st.sampled_from(sorted(MUST_BE)), VALUES | ADDRESSES | VALUES.map("xoxb-{}".format))
def test_any_value_of_a_variable_is_taken_or_named_without_being_shown(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name.upper(), value)
        settings, wrong = examine_settings()
    assert list(wrong) in ([], [f"{name.upper()} is not {MUST_BE[name]}."])
    if wrong:
        assert getattr(settings, name) == Settings.model_fields[name].default


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: " + "[" * 60 + "]" * 60])
def test_what_has_no_end_is_said_once(text: str) -> None:
    Path("signoff.yaml").write_text(text)
    assert [problem.wrong for problem in examine_config()[1] if "more levels or values" in problem.wrong] == [
        f"this has more levels or values than any settings: {FLAT}"
    ]


def test_every_variable_has_its_sentence() -> None:
    assert set(MUST_BE) == set(Settings.model_fields)


def test_all_variables_that_cannot_be_meant_are_named_and_the_others_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLACK_BOT_TOKEN", "nonsense"), ("PORT", "many"), ("LOG_FORMAT", "json")):
        monkeypatch.setenv(name, value)
    settings, wrong = examine_settings()
    assert [sentence.split()[0] for sentence in wrong] == ["SLACK_BOT_TOKEN", "PORT"]
    assert (settings.slack_bot_token, settings.port, settings.log_format) == (None, 3000, "json")
