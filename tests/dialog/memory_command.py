"""`signoff memory`, and what is remembered before it runs."""

from pathlib import Path

from agent.memory.items import NewItem, Source, message_key
from agent.memory.terms import Terms
from agent.store.memory_items import Items
from bot.config.file import Config
from bot.config.memory_section import MemorySection
from tests.dialog.conftest import World
from tests.signoff import Environment, ran

GUIDE = "# Deploys\nDeploys are on Tuesday.\n\n## Rolling back\nPress the red button.\n"


def configured(folder: Path) -> Path:
    """Return the folder with the configuration of a bot that remembers."""
    (folder / "signoff.yaml").write_text("memory: {}\n")
    return folder


async def knowing(world: World) -> World:
    """Start a bot that remembers."""
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    return world


def found(world: World) -> Environment:
    """What the command finds in its environment."""
    return {
        "DATABASE_URL": world.database_url,
        "REDIS_URL": world.redis_url,
        "SLACK_BOT_TOKEN": world.slack.bot_token,
        "SLACK_API_URL": world.slack.api_url,
    }


async def memory(world: World, folder: Path, *arguments: str, status: int = 0, answer: str = "") -> tuple[str, str]:
    """What the command says on standard output and error."""
    ended, out, err = await ran("memory", *arguments, folder=folder, environment=found(world), answer=answer)
    assert ended == status, err
    return out, err


def team(world: World) -> str:
    """The workspace's id."""
    return world.slack.workspace.team_id


async def fact(world: World, text: str, channel: str = "orders", ts: str = "1.0", terms: Terms | None = None) -> int:
    """A fact that somebody said in a channel; its id."""
    place, by = world.slack.channels[channel], world.slack.people["ann"]
    source = Source(key=message_key(place, ts), quote=text, by=by)
    item = NewItem(channel=place, kind="fact", text=text, source=source, group="thread")
    learnt = await Items(world.pool, terms or Terms()).learn(team(world), item)
    assert learnt is not None
    return learnt.id
