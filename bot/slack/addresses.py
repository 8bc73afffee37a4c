"""Whose an e-mail address is, as Slack has it."""

from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import CredentialsError, DelayedError, RefusedError, UnclearError
from bot.cards.harmless_text import visible
from bot.config.addresses import addresses, with_ids
from bot.config.file import Config
from bot.config.manifest import BY_EMAIL
from bot.config.refusal import Refusal
from bot.slack.web_api import called, meaning

NOT_ALLOWED = (
    f"The app may not look people up by e-mail address: give {{instead}}, or add the scope {BY_EMAIL} under OAuth & Permissions "
    "of your app and install it again."
)


async def by_ids(config: Config, client: AsyncWebClient) -> Config:
    """Return the configuration with the ids of those whom policy names by address. Raises Refusal where Slack has nobody of one,
    or does not say."""
    ids = {address: await _id_of(address, client) for address in addresses(config.policy)}
    return config.model_copy(update={"policy": with_ids(config.policy, ids)}) if ids else config


async def _id_of(address: str, client: AsyncWebClient) -> str:
    try:
        return str((await called(client, "users.lookupByEmail", email=address))["user"]["id"])
    except RefusedError as refused:
        if meaning(str(refused)) == "gone":
            raise Refusal(
                f"signoff.yaml names {visible(address)}, and nobody in the workspace has that address: correct it, or give an id."
            ) from None
        if meaning(str(refused)) == "not_offered":
            raise Refusal(NOT_ALLOWED.format(instead="ids in signoff.yaml")) from None
        raise Refusal(f"Slack does not say whose {visible(address)} is ({refused}): see `signoff doctor`.") from None
    except (CredentialsError, DelayedError, UnclearError) as unsaid:
        raise Refusal(f"Slack does not say whose {visible(address)} is ({unsaid}): start again in a minute.") from None
