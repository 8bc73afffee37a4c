"""The commands of `signoff memory`: an operator's view of what is remembered, in all channels.

A command imports what only it needs, as in `bot.cli`.
"""

from pathlib import Path
from typing import Annotated

import typer

from bot.config.file import load_config
from bot.config.refusal import Refusal
from bot.config.settings import read_settings
from bot.refusing import refusing

memory = typer.Typer(no_args_is_help=True, help="What is remembered beyond a conversation, in all channels: an operator's view.")
Team = Annotated[str | None, typer.Option("--team", help="The id of a workspace; default: that of SLACK_BOT_TOKEN.")]
OneChannel = Annotated[str | None, typer.Option("--channel", help="The id of a channel, or everybody.")]


@memory.command()
@refusing
def add(
    sources: Annotated[list[str], typer.Argument(metavar="FILE|FOLDER|URL...", help="Markdown, text, HTML, PDF and CSV.")],
    channel: Annotated[str, typer.Option(help="Only for the readers of this channel; default: every full member.")] = "everybody",
    remove: Annotated[bool, typer.Option("--remove", help="Delete documents that a folder has no more.")] = False,
    team: Team = None,
) -> None:
    """Have agents know documents. One that changed is replaced, one that did not is left alone."""
    from bot.commands import memory_add
    from bot.commands.memory_report import channel_of

    settings = read_settings()
    memory_add.add(settings, load_config(settings.signoff_config), team, sources, channel_of(channel), remove=remove)


@memory.command(name="list")
@refusing
def list_memory(
    channel: OneChannel = None,
    kind: Annotated[str | None, typer.Option(help="fact, summary or document.")] = None,
    said_by: Annotated[str | None, typer.Option("--said-by", help="The id of a person.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    team: Team = None,
) -> None:
    """List what is true now, newest first: id, day, for whom, kind, source and text."""
    from bot.commands import memory_report
    from bot.commands.memory_report import Wanted, channel_of, kind_named

    of = None if channel is None else channel_of(channel)
    memory_report.print_list(read_settings(), team, Wanted(of, kind_named(kind), said_by), as_json=as_json)


@memory.command()
@refusing
def search(
    words: Annotated[str, typer.Argument(help="A question or words.")],
    channel: Annotated[list[str] | None, typer.Option("--channel", help="Only in these channels; default: in all.")] = None,
    team: Team = None,
) -> None:
    """Search what is remembered, the best first, in channels that no conversation may search together."""
    from bot.commands import memory_report

    settings = read_settings()
    config = load_config(settings.signoff_config)
    memory_report.print_search(settings, config, team, words, [memory_report.channel_of(each) for each in channel or ()])
    typer.echo(
        "This is an operator's view: no conversation is told more than everybody who reads along there may know.", err=True
    )


@memory.command()
@refusing
def forget(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="As `signoff memory list` prints them.")] = None,
    source: Annotated[str | None, typer.Option(help="All of one source, such as document:NAME or message:CHANNEL:TS.")] = None,
    channel: OneChannel = None,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    team: Team = None,
) -> None:
    """Forget for good: items, all of one source, or all of a channel with its values. Nothing is learnt from there again."""
    from bot.commands import memory_report
    from bot.commands.memory_report import Wanted, channel_of

    if [bool(ids), source is not None, channel is not None].count(True) != 1:
        raise Refusal("Name one of the three: ids, --source or --channel.")
    of = None if channel is None else channel_of(channel)
    wanted = Wanted(of, source=source, ids=ids or None, past=True)
    memory_report.forget(read_settings(), team, wanted, lambda: yes or typer.confirm("Forget all of this?"))


@memory.command(name="export")
@refusing
def export_memory(
    file: Annotated[Path, typer.Argument(help="A new file, that only you may read.")],
    team: Team = None,
) -> None:
    """Write every item and value that has not outlived its term to a file, a JSON object a line."""
    from bot.commands import memory_report

    memory_report.export(read_settings(), team, file)


@memory.command()
@refusing
def stats(team: Team = None) -> None:
    """Count what is remembered, by channel and kind."""
    from bot.commands import memory_report

    memory_report.print_stats(read_settings(), team)
