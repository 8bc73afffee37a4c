"""The command line. Whatever a person has to mend is one sentence and exit status 2.

A command imports what only it needs: the libraries below take seconds, and help or a sentence should not.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Annotated, ParamSpec

import typer
from rich.console import Console

from bot.config import load_config
from bot.home import Home
from bot.refusal import Refusal
from bot.settings import Settings, check_model, check_slack, read_settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="An agent for Slack that acts only on what a person approved.")
console = Console(stderr=True, highlight=False)
log = logging.getLogger("signoff")

P = ParamSpec("P")


def refusing(command: Callable[P, None]) -> Callable[P, None]:
    """A Refusal becomes its sentence and exit status 2."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Refusal as refusal:
            console.print(str(refusal), style="red", soft_wrap=True, markup=False)
            raise typer.Exit(2) from None

    return wrapped


@cli.command()
@refusing
def run(
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Drive sessions in this process too.")] = True,
) -> None:
    """The bot: Socket Mode when SLACK_APP_TOKEN is set, else HTTP on PORT at /slack/events."""
    _serve(read_settings(), intake=True, work=worker)


@cli.command()
@refusing
def worker() -> None:
    """Only drives sessions; another process takes in Slack's events."""
    _serve(read_settings(), intake=False, work=True)


@cli.command()
@refusing
def migrate() -> None:
    """Bring the database of DATABASE_URL (or the embedded one) to the newest schema."""
    from bot.database import upgrade

    settings = read_settings()
    with Home(settings.signoff_home).servers(settings.database_url, settings.redis_url or "redis://unused") as servers:
        upgrade(servers.database_url)
    console.print("The database is at the newest schema.", style="green")


@cli.command()
@refusing
def doctor() -> None:
    """Check everything that has to be right before the first mention; exit status 2 when something is not."""
    from bot.doctor import examine

    settings = read_settings()
    findings = asyncio.run(examine(settings, settings.signoff_config))
    marks = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
    for finding in findings:
        mend = f" → {finding.mend}" if finding.mend else ""
        console.print(marks[finding.level], end=" ")
        console.print(f"{finding.what}{mend}", soft_wrap=True, markup=False)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(2)


@cli.command()
@refusing
def demo(
    port: Annotated[int, typer.Option(help="Of the sandbox page; 0 picks a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """The bot in a sandbox workspace on this machine: no Slack, no key, no database needed."""
    settings = read_settings()
    from bot.demo import demonstrate

    _log()
    asyncio.run(_until_stopped(demonstrate(settings, port, open_browser=browser)))


def _log() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Bolt finds SLACK_BOT_TOKEN in the environment too, and says so at each start.
    logging.getLogger("slack_bolt.AsyncApp").addFilter(lambda record: "`token` will be unused" not in record.getMessage())
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _serve(settings: Settings, *, intake: bool, work: bool) -> None:
    _log()
    config = load_config(settings.signoff_config)
    check_slack(settings)
    if work:
        check_model(settings)
    if not intake and "port" not in settings.model_fields_set:
        settings = settings.model_copy(update={"port": 0})  # workers beside a bot, or beside each other, do not ask for its port
    from bot.app import running

    with Home(settings.signoff_home).servers(settings.database_url, settings.redis_url) as servers:

        async def serve() -> None:
            async with running(settings, config, servers, intake=intake, work=work) as bot:
                log.info("ready on port %d", bot.port)
                await asyncio.Event().wait()

        asyncio.run(_until_stopped(serve()))


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    """Does the work until SIGTERM or SIGINT. The first of them cancels it, wherever it is; its cleaning up is left alone."""
    task = asyncio.create_task(work)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, lambda: task.cancelling() or task.cancel())
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Entry point of the command `signoff`."""
    cli()


if __name__ == "__main__":
    main()
