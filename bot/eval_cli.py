"""The commands of `signoff eval`. A command imports what only it needs, as in `bot.cli`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bot.config.file import load_config
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import read_settings
from bot.refusing import refusing

PLAY = "play"


class _PlaysByDefault(TyperGroup):
    """`signoff eval FOLDER` plays that set: what names no command is an argument of `play`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperGroup`. `ctx` is of the library below it."""
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if named or not args else [PLAY, *args])


evals = typer.Typer(cls=_PlaysByDefault, no_args_is_help=True, help="Golden sets, played through the bot: `signoff eval FOLDER`.")


@evals.command(name=PLAY)
@refusing
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A golden set: the folder with its set.yaml.")],
    prompt: Annotated[str | None, typer.Option(metavar="NAME@N", help="Which version; default: the one that is in use.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model; with --record or --live it is asked, with your key.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each case is played.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, max=15, help="How many are played at a time.")] = 2,
    only: Annotated[str, typer.Option(metavar="WORDS", help="Only cases with a word in their name, or that are about it.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="For results and page; default: eval in SIGNOFF_HOME.")] = None,
    against: Annotated[Path | None, typer.Option(metavar="RESULTS.jsonl", help="Compare with an earlier run.")] = None,
    judge: Annotated[str | None, typer.Option(metavar="MODEL", help="Have a model judge the answers by the rubrics.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Write down what the model answers, beside the set.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Neither replay nor write recordings.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Play again what is finished.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON, for programs.")] = False,
    adapter: Annotated[str, typer.Option(help="tau: the folder holds tasks of the tau benchmarks (bot/eval/tau.py).")] = "",
    register: Annotated[bool, typer.Option("--register", help="Let promotions know of the result, in the store.")] = False,
) -> None:
    """Play a golden set through the bot, in the sandbox: by default with recorded answers, and without a key.

    Without --model the lines of the cases answer for the model in --record and --live. Exit status 1: a threshold is not reached,
    or a case does not pass that did when it was recorded.
    """
    _must_be_there()
    from bot.eval import command

    if adapter not in ("", "tau"):
        raise Refusal(f"There is no adapter {adapter!r}: tau is the only one.")
    played = {"record": record, "live": live, "fresh": fresh, "as_json": as_json, "register": register}
    wanted = command.Wanted(folder, prompt, model, repeats, at_once, only, out, against, judge, **played, adapter=adapter)
    if not command.evaluate(wanted):
        raise typer.Exit(ExitStatus.FOUND)


@evals.command()
@refusing
def add(
    conversation: Annotated[str, typer.Argument(help="A link to a message of it, its session (TEAM:CHANNEL:TS) or a trace.")],
    to: Annotated[Path, typer.Option(help="The file of cases that its draft is added to.")] = Path("drafts.yaml"),
) -> None:
    """Make the draft of a case out of a conversation, masked, with what tools said; up to the answer that was called wrong."""
    _must_be_there()
    from bot.eval import drafts

    settings = read_settings()
    drafts.add_case(settings, load_config(settings.signoff_config), conversation, to)
    typer.echo(f"{to} has a draft more: finish it, then `signoff eval` plays it.")


@refusing
def replay(
    conversation: Annotated[str, typer.Argument(help="A link to a message of it, its session (TEAM:CHANNEL:TS) or a trace.")],
    prompt: Annotated[str | None, typer.Option(metavar="NAME@N", help="Which version; default: the one that it had.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Which model; default: the one that it had. It is asked, with your key.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page into this file instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object, for programs.")] = False,
) -> None:
    """Run a past conversation again, where every tool gives its recorded result and nothing else, and show both side by side.

    A trace ends it with its turn. Exit status 1: something differs. Personal data is masked.
    """
    _must_be_there()
    from bot.eval.replay_report import show_replay

    settings = read_settings()
    config = load_config(settings.signoff_config)
    same = show_replay(settings, config, conversation, prompt=prompt, model=model, as_json=as_json, html=html)
    if html is not None:
        typer.echo(f"The replay is in {html}.")
    if not same:
        raise typer.Exit(ExitStatus.FOUND)


def _must_be_there() -> None:
    if find_spec("bot.eval") is None:
        raise Refusal("Evals are not part of this installation: get Signoff's source, and run `make setup` in it.")
