"""The environment and signoff.yaml: what is read, and the sentence for what cannot be meant."""

from pathlib import Path

import pytest

from bot.config.refusal import Refusal
from bot.config.settings import Settings, check_model, check_slack, read_settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables of ours and no `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_an_environment_everything_is_embedded_and_slack_is_slack() -> None:
    settings = read_settings()
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.port == 3000
    assert not settings.socket_mode


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=4000\nREDIS_URL=redis://file/0\n")
    monkeypatch.setenv("PORT", "5000")
    settings = read_settings()
    assert (settings.port, settings.redis_url) == (5000, "redis://file/0")


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    assert read_settings().database_url is None
    assert read_settings().port == 3000


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_a_postgres_address_is_taken(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://user:p@db.example/signoff")
    assert read_settings().database_url == "postgresql://user:p@db.example/signoff"


def test_slacks_address_ends_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:4000/api")
    assert read_settings().slack_api_url == "http://127.0.0.1:4000/api/"


def test_an_app_token_means_socket_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1-A1-1-abc")
    assert read_settings().socket_mode


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", "xoxp-a-users-token", "starts with xoxb-"),
        ("SLACK_BOT_TOKEN", "xoxb-cut in two", "starts with xoxb-"),
        ("SLACK_APP_TOKEN", "xoxb-the-other-one", "starts with xapp-"),
        ("SLACK_SIGNING_SECRET", "two words", "Basic Information"),
        ("SLACK_API_URL", "slack.example/api", "https://slack.com/api/"),
        ("ANTHROPIC_API_KEY", "two words", "Anthropic Console"),
        ("ANTHROPIC_BASE_URL", "localhost:1", "address of a Messages API"),
        ("DATABASE_URL", "mysql://u:hunter2@host/db", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:hunter2@host:port/db", "postgresql://"),
        ("DATABASE_URL", "postgresql://%ff@host/db", "postgresql://"),
        ("DATABASE_URL", "postgresql://host/db?port=many", "postgresql://"),
        ("REDIS_URL", "redis://host/many", "redis://"),
        ("REDIS_URL", "redis://host?db=many", "redis://"),
        ("ANTHROPIC_API_KEY", "ключ", "Anthropic Console"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "redis://localhost:99999", "redis://"),
        ("PORT", "http", "a number from 0"),
        ("PORT", "65536", "a number from 0"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_in_one_sentence_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Refusal) as refused:
        read_settings()
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} is not ")
    assert words in sentence
    assert value not in sentence
    assert_is_one_sentence(sentence)


def test_what_is_missing_for_slack_is_named_with_the_page_where_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match=r"SLACK_BOT_TOKEN is not set: .*OAuth & Permissions"):
        check_slack(read_settings())

    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    with pytest.raises(Refusal, match=r"Neither SLACK_APP_TOKEN .* nor SLACK_SIGNING_SECRET .*Basic Information"):
        check_slack(read_settings())

    monkeypatch.setenv("SLACK_SIGNING_SECRET", "0123456789abcdef" * 2)
    check_slack(read_settings())


def test_a_missing_model_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match="ANTHROPIC_API_KEY is not set"):
        check_model(read_settings())
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    check_model(read_settings())


def test_secrets_are_not_shown_when_the_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-hush",
        "SLACK_APP_TOKEN": "xapp-hush",
        "SLACK_SIGNING_SECRET": "beef" * 8,
        "ANTHROPIC_API_KEY": "hush",
        "DATABASE_URL": "postgresql://u:hush@host/db",
        "REDIS_URL": "redis://:hush@host/0",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    shown = repr(read_settings())
    assert "hush" not in shown
    assert "beef" not in shown


def assert_is_one_sentence(text: str) -> None:
    assert "\n" not in text
    assert text.endswith(".")
    assert ". " not in text


def test_the_example_names_every_variable_and_sets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    named = [line.removesuffix("=") for line in example.splitlines() if line and not line.startswith("#")]
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)

    nothing = read_settings()
    Path(".env").write_text(example)
    assert read_settings() == nothing
