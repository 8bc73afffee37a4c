"""What the environment says. Each field is the environment variable of that name in capitals, also read from `.env`."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config.refusal import Refusal

# What each variable must be, for the sentence that refuses it. `.env.example` says where its value is found.
MUST_BE = {
    "slack_bot_token": "a bot token: it starts with xoxb- and is on the page OAuth & Permissions of your app",
    "slack_app_token": "an app-level token: it starts with xapp- and is on the page Basic Information of your app",
    "slack_signing_secret": "a signing secret: it is 32 letters and digits, on the page Basic Information of your app",
    "slack_api_url": "the address of a Slack Web API: leave it away, and it is https://slack.com/api/",
    "anthropic_api_key": "a key: it has no spaces, and is made in the Anthropic Console",
    "anthropic_base_url": "the address of a Messages API: leave it away, and it is Anthropic's",
    "database_url": "an address like postgresql://user:password@host:5432/name: leave it away for an embedded Postgres",
    "redis_url": "an address like redis://host:6379/0: leave it away for an embedded Redis",
    "port": "a port, a number from 0 (any free one) to 65535: leave it away, and it is 3000",
    "signoff_home": "the path of a folder, as text",
    "signoff_config": "the path of a file, as text",
    "metrics_port": "a port, a number from 0 (any free one) to 65535: leave it away, and there is no /metrics",
    "metrics_older_names": "true or false: leave it away, and it is false",
    "log_format": "text or json: leave it away, and it is text, for people",
}


def _secret_shape(pattern: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if re.fullmatch(pattern, value.get_secret_value()) is None:
            raise ValueError("not of the right shape")
        return value

    return AfterValidator(check)


# Tokens and keys go into headers, which hold printable ASCII alone.
BotToken = Annotated[SecretStr, _secret_shape(r"(xoxe\.)?xoxb-[!-~]+")]  # xoxe. in front where tokens are rotated
AppToken = Annotated[SecretStr, _secret_shape(r"xapp-[!-~]+")]
SigningSecret = Annotated[SecretStr, _secret_shape(r"[0-9a-f]{32}")]
ModelKey = Annotated[SecretStr, _secret_shape(r"[!-~]+")]


def _checked_address(address: str) -> str:
    """Return the address, whose port must be a number and whose brackets must be closed. Raises ValueError."""
    parts = urlsplit(address)
    port = parts.port
    if parts.scheme.startswith("http") and (not parts.hostname or port == 0):
        raise ValueError("without a host")
    if re.search(r"%(?![0-9A-Fa-f]{2})", address):
        raise ValueError("a % that begins no escape")
    if parts.query:
        parse_qsl(parts.query, strict_parsing=True, errors="strict")
    unquote(address, errors="strict")
    (parts.hostname or "").encode("idna")  # as whatever connects does
    return address


def _postgres_address(address: str) -> str:
    """Return the address, whose ports must be numbers, those in its query too. Raises ValueError."""
    ports = dict(parse_qsl(urlsplit(address).query)).get("port", "0")
    if not all(re.fullmatch(r"[0-9]{1,5}", port) for port in ports.split(",")):
        raise ValueError("not the number of a port")
    return address


def _redis_address(address: str) -> str:
    """Return the address, whose database must be a number, and whose options must be known. Raises ValueError."""
    parts = urlsplit(address)
    if parts.scheme != "unix" and not re.fullmatch(r"/?|/[0-9]{1,9}", parts.path):
        raise ValueError("not the number of a database")
    for name, value in parse_qsl(parts.query):
        shape = REDIS_OPTIONS.get(name, r"." if name.startswith("ssl_") else None)
        if shape is None or re.match(shape, value) is None:
            raise ValueError("not an option of Redis")
    return address


# What an address of Redis may say after its question mark; besides, what begins with ssl_.
REDIS_OPTIONS = {"db": r"\d{1,9}$", "protocol": r"[23]$", "username": ".", "password": ".", "client_name": "."} | dict.fromkeys(
    ("socket_timeout", "socket_connect_timeout", "health_check_interval"), r"\d{1,6}$"
)


HttpAddress = Annotated[str, Field(pattern=r"^https?://\S+$"), AfterValidator(_checked_address)]
RedisAddress = Annotated[
    str, Field(pattern=r"^(rediss?|unix)://\S+$"), AfterValidator(_checked_address), AfterValidator(_redis_address)
]
SlackAddress = Annotated[HttpAddress, AfterValidator(lambda address: address.rstrip("/") + "/")]  # slack_sdk appends to it
# libpq knows one of the spellings that people use.
PostgresAddress = Annotated[
    str,
    Field(pattern=r"^postgres(ql)?(\+psycopg)?://\S+$"),
    AfterValidator(_checked_address),
    AfterValidator(_postgres_address),
    AfterValidator(lambda address: "postgresql://" + address.partition("://")[2]),
]


def _text_path(path: Path) -> Path:
    """Return the path, which must be text in UTF-8: it is shown, and handed to other programs. Raises ValueError."""
    str(path).encode()
    return path


TextPath = Annotated[Path, AfterValidator(_text_path)]


class Settings(BaseSettings):
    """The environment, checked. A variable that is set to nothing counts as not set.

    Wide because each field is a variable.
    """

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    slack_bot_token: BotToken | None = None
    slack_app_token: AppToken | None = None
    slack_signing_secret: SigningSecret | None = None
    slack_api_url: SlackAddress = "https://slack.com/api/"
    anthropic_api_key: ModelKey | None = None
    anthropic_base_url: HttpAddress | None = None
    # Addresses may hold a password, so they are not shown either.
    database_url: PostgresAddress | None = Field(default=None, repr=False)
    redis_url: RedisAddress | None = Field(default=None, repr=False)
    signoff_home: TextPath = Path(".signoff")
    signoff_config: TextPath | None = None
    port: int = Field(default=3000, ge=0, le=65535)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    metrics_older_names: bool = False
    log_format: Literal["text", "json"] = "text"

    @property
    def socket_mode(self) -> bool:
        """Return whether Slack is reached by a socket that we open; without an app token Slack calls us at /slack/events."""
        return self.slack_app_token is not None


def environment() -> Mapping[str, str]:
    """Return all variables that are set, in the environment or in `.env`."""
    try:
        written = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except (OSError, ValueError) as unreadable:
        raise _no_text(unreadable) from None
    return {**written, **os.environ}


def read_settings() -> Settings:
    """Return the settings from the environment and `.env`. Raises Refusal for the first value that cannot be meant."""
    settings, wrong = examine_settings()
    if wrong:
        raise Refusal(wrong[0])
    return settings


def examine_settings() -> tuple[Settings, Sequence[str]]:
    """Return the settings, with its default in the place of each value that cannot be meant, and a sentence on each of those.

    Raises Refusal where `.env` cannot be read.
    """
    try:
        return Settings(), ()
    except ValidationError as invalid:
        names = dict.fromkeys(str(error["loc"][0]) for error in invalid.errors())
    except (OSError, ValueError) as unreadable:
        raise _no_text(unreadable) from None
    defaults: dict[str, Any] = {name: Settings.model_fields[name].default for name in names}
    # Without the value, which may be a secret in the wrong place.
    return Settings(**defaults), [f"{name.upper()} is not {MUST_BE[name]}." for name in names]


def _no_text(unreadable: Exception) -> Refusal:
    why = getattr(unreadable, "strerror", None) or "it is not UTF-8"
    return Refusal(f".env cannot be read as a text file ({why}): mend that, or remove it.")


def check_slack(settings: Settings) -> None:
    """Check that there is what a connection to Slack needs. Raises Refusal."""
    if settings.slack_bot_token is None:
        raise Refusal(
            "SLACK_BOT_TOKEN is not set: it is on the page OAuth & Permissions of your Slack app, "
            "or try `signoff demo`, which needs no Slack."
        )
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise Refusal(
            "Neither SLACK_APP_TOKEN (for Socket Mode) nor SLACK_SIGNING_SECRET (for HTTP) is set: "
            "both are on the page Basic Information of your Slack app."
        )


def check_model(settings: Settings) -> None:
    """Check that there is what a model call needs. Raises Refusal."""
    if settings.anthropic_api_key is None:
        raise Refusal("ANTHROPIC_API_KEY is not set: make a key in the Anthropic Console, or try `signoff demo` without.")
