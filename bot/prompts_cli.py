"""The commands of `signoff prompts`. A command imports what only it needs, as in `bot.cli`."""

from pathlib import Path
from typing import Annotated

import typer

from bot.config.file import load_config
from bot.config.refusal import Refusal
from bot.config.settings import read_settings
from bot.refusing import refusing

prompts = typer.Typer(no_args_is_help=True, help="The versions of prompts, and which of them is live.")
Reference = Annotated[str, typer.Argument(metavar="NAME@N", help="A version, as `signoff prompts list` prints it.")]
Team = Annotated[str | None, typer.Option("--team", help="The id of a workspace; default: that of SLACK_BOT_TOKEN.")]


@prompts.command(name="list")
@refusing
def list_prompts() -> None:
    """List all versions: digest, whether it is live, notes."""
    from bot.commands import prompts

    prompts.print_prompts(read_settings())


@prompts.command()
@refusing
def show(version: Reference) -> None:
    """Show one version: author, parent, notes, variables, settings and text."""
    from bot.commands import prompts

    prompts.print_version(version)


@prompts.command()
@refusing
def diff(before: Reference, after: Reference) -> None:
    """Show what is different between two versions."""
    from bot.commands import prompts

    prompts.print_difference(before, after)


@prompts.command()
@refusing
def new(
    name: Annotated[str, typer.Argument(help="The prompt.")],
    author: Annotated[str, typer.Option(help="Who writes it.")],
    notes: Annotated[str, typer.Option(help="What is to be better in it.")],
    folder: Annotated[Path, typer.Option(help="Of the prompts.")] = Path("prompts"),
) -> None:
    """Begin the next version of a prompt, as a copy of the newest."""
    from bot.commands import prompts

    typer.echo(f"{prompts.new_version(folder, name, author, notes)} is yours to edit; then run `signoff eval`.")


@prompts.command()
@refusing
def promote(
    version: Reference,
    by: Annotated[str, typer.Option(help="The id of the person in Slack who asks for it; a shadow needs none.")] = "",
    label: Annotated[str, typer.Option(help="production, or canary for a share of new conversations.")] = "production",
    share: Annotated[int, typer.Option(min=1, max=100, help="Percentage of new conversations that a canary gets.")] = 10,
    override: Annotated[str, typer.Option(help="Why it should be live without a passed eval.")] = "",
    shadow: Annotated[int, typer.Option(min=0, max=100, help="Percentage of conversations to run hidden behind.")] = 0,
    team: Team = None,
) -> None:
    """Ask people in Slack to let a version be live, on a card that shows what changes and how its eval went.

    With --shadow it asks nobody: the version answers those conversations too, hidden and without any write, to be compared.
    """
    from bot.commands import prompts

    name, at, number = version.partition("@")
    if not at or not number.isdigit() or label not in ("production", "canary"):
        raise Refusal("Name a version, such as assistant@3, and as its label production or canary.")
    settings = read_settings()
    if shadow:
        prompts.put_in_shadow(settings, load_config(settings.signoff_config), team, version, shadow)
        return
    if not by:
        raise Refusal("Say with --by who asks for it: the id of a person in Slack.")
    arguments = {"prompt": name, "version": int(number), "label": label, "share": share, "override": override}
    where = prompts.ask_for(settings, load_config(settings.signoff_config), by, arguments)
    typer.echo(f"Asked in {where}: it is live once people approved it there.")


@prompts.command()
@refusing
def rollback(
    name: Annotated[str, typer.Argument(help="The prompt.")],
    why: Annotated[str, typer.Option(help="For the audit log.")],
    label: Annotated[str, typer.Option(help="production, canary or shadow.")] = "production",
    team: Team = None,
) -> None:
    """Let a label point where it did before, at once; a canary or a shadow ends."""
    from bot.commands import prompts

    if label != "production" and label != "canary" and label != "shadow":
        raise Refusal("The labels are production, canary and shadow.")
    prompts.roll_back(read_settings(), team, name, label, why)


@prompts.command(name="log")
@refusing
def print_moves(name: Annotated[str, typer.Argument(help="The prompt.")]) -> None:
    """List how the labels of a prompt were moved, newest first."""
    from bot.commands import prompts

    prompts.print_moves(read_settings(), name)
