"""What the environment says. Each field is the environment variable of that name in capitals, also read from `.env`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

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


BotToken = Annotated[SecretStr, _secret_shape(r"(xoxe\.)?xoxb-\S+")]  # xoxe. in front where tokens are rotated
AppToken = Annotated[SecretStr, _secret_shape(r"xapp-\S+")]
SigningSecret = Annotated[SecretStr, _secret_shape(r"[0-9a-f]{32}")]
ModelKey = Annotated[SecretStr, _secret_shape(r"\S+")]


def _checked_address(address: str) -> str:
    """Return the address, whose port must be a number and whose brackets must be closed. Raises ValueError."""
    _ = urlsplit(address).port
    return address


HttpAddress = Annotated[str, Field(pattern=r"^https?://\S+$"), AfterValidator(_checked_address)]
RedisAddress = Annotated[str, Field(pattern=r"^(rediss?|unix)://\S+$"), AfterValidator(_checked_address)]
SlackAddress = Annotated[HttpAddress, AfterValidator(lambda address: address.rstrip("/") + "/")]  # slack_sdk appends to it
# libpq knows one of the spellings that people use.
PostgresAddress = Annotated[
    str,
    Field(pattern=r"^postgres(ql)?(\+psycopg)?://\S+$"),
    AfterValidator(_checked_address),
    AfterValidator(lambda address: "postgresql://" + address.partition("://")[2]),
]


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
    signoff_home: Path = Path(".signoff")
    signoff_config: Path | None = None
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
    written = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**written, **os.environ}


def read_settings() -> Settings:
    """Return the settings from the environment and `.env`. Raises Refusal for the first value that cannot be meant."""
    try:
        return Settings()
    except ValidationError as invalid:
        name = str(invalid.errors()[0]["loc"][0])
        # Without the value, which may be a secret in the wrong place.
        raise Refusal(f"{name.upper()} is not {MUST_BE[name]}.") from None


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
