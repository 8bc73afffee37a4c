"""The command line. Whatever a person has to mend is one sentence and exit status 2.

A command imports what only it needs: the libraries below take seconds, and help or a sentence should not.

Long because each command is a function here.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.config.file import Config, load_config
from bot.config.refusal import Refusal
from bot.config.settings import Settings, check_model, check_slack, environment, read_settings
from bot.eval_cli import evals, replay
from bot.memory_cli import memory
from bot.policy_cli import policy, tools
from bot.prompts_cli import prompts
from bot.refusing import console, refusing
from bot.stores.embedded_home import Home

if TYPE_CHECKING:
    from bot.commands.finding import Finding

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="An agent for Slack that acts only on what a person approved.")
cli.add_typer(policy, name="policy")
audit = typer.Typer(no_args_is_help=True, help="Who asked, saw, decided and ran what: the log that cannot be changed unseen.")
cli.add_typer(audit, name="audit")
cli.add_typer(tools, name="tools")
cli.add_typer(memory, name="memory")
cli.add_typer(evals, name="eval")
cli.add_typer(prompts, name="prompts")
cli.command()(replay)
log = logging.getLogger("signoff")

MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
CONVERSATION = "A link to a message of it in Slack, its session (TEAM:CHANNEL:TS), or the trace of a turn."


@cli.command()
@refusing
def run(
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Drive sessions in this process too.")] = True,
) -> None:
    """Run the bot: Socket Mode when SLACK_APP_TOKEN is set, else HTTP on PORT at /slack/events."""
    _serve(read_settings(), intake=True, work=worker)


@cli.command()
@refusing
def worker() -> None:
    """Drive sessions only; another process takes in Slack's events."""
    _serve(read_settings(), intake=False, work=True)


@cli.command()
@refusing
def migrate() -> None:
    """Bring the database of DATABASE_URL (or the embedded one) to the newest schema."""
    from bot.stores.database import upgrade

    settings = read_settings()
    with Home(settings.signoff_home).servers(settings.database_url, settings.redis_url or "redis://unused") as servers:
        upgrade(servers.database_url)
    console.print("The database is at the newest schema.", style="green")


@cli.command()
@refusing
def doctor(
    live: Annotated[bool, typer.Option("--live", help="Ask the bot that runs here what it says of itself, on PORT.")] = False,
) -> None:
    """Check everything that has to be right before the first mention; exit status 2 when something is not.

    With --live, ask a running bot: exit status 1 when something is wrong with it, 2 when none answers.
    """
    settings = read_settings()
    if live:
        from bot.commands.doctor_live import examine_running

        findings = asyncio.run(examine_running(settings))
        _print_findings(findings)
        if any(finding.level != "ok" for finding in findings):
            raise typer.Exit(1)
        return
    from bot.commands.doctor import examine

    findings = asyncio.run(examine(settings, settings.signoff_config))
    _print_findings(findings)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(2)


def _print_findings(findings: "Sequence[Finding]") -> None:
    marks = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}
    for finding in findings:
        mend = f" → {finding.mend}" if finding.mend else ""
        console.print(marks[finding.level], end=" ")
        console.print(f"{finding.what}{mend}", soft_wrap=True, markup=False)


@audit.command()
@refusing
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            "--earlier",
            metavar="FILE|HASH",
            help="What was kept: the file of heads, what an earlier run printed, or one hash. Each must still be there.",
        ),
    ] = None,
) -> None:
    """Look for entries, and rows that they are about, that were changed, added or removed (then exit status 1).

    Prints each workspace's count and last hash. Exit status 1 also where there is no entry at all.
    """
    from bot.commands import audit_report

    if not audit_report.verify(read_settings(), head or ()):
        raise typer.Exit(1)


@audit.command()
@refusing
def export(
    since: Annotated[datetime, typer.Option(formats=MOMENTS, help="UTC.")],
) -> None:
    """Write the entries since then to standard output, a JSON object a line."""
    from bot.commands import audit_report

    audit_report.export(read_settings(), since)


@cli.command()
@refusing
def report(
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with charts into this file instead.")] = None,
) -> None:
    """Show how people decide, and what sessions spend, of what was asked for since then; with --html far more, as one page."""
    if html is None:
        from bot.commands.report import print_report

        print_report(read_settings(), since)
    else:
        from bot.commands.report_page import write_page

        write_page(read_settings(), since, html)
        typer.echo(f"The report is in {html}.")


@cli.command()
@refusing
def trace(
    conversation: Annotated[str, typer.Argument(help=CONVERSATION)],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object, for programs.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page into this file instead.")] = None,
) -> None:
    """Show what a conversation did: model calls, decisions and runs, with times, tokens and cost, and nobody's words."""
    from bot.commands.trace import print_trace, write_trace

    if html is None:
        print_trace(read_settings(), conversation, as_json=as_json)
    else:
        write_trace(read_settings(), conversation, html)
        typer.echo(f"The trace is in {html}.")


@cli.command(name="log")
@refusing
def conversation_log(
    conversation: Annotated[str | None, typer.Argument(help=CONVERSATION)] = None,
    agent: Annotated[str | None, typer.Option(help="Its name in signoff.yaml.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=MOMENTS, help="UTC.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Of a run, a decision or a turn: failed, rejected, error, …")] = None,
    tool: Annotated[str | None, typer.Option(help="Which tool it is about.")] = None,
    role: Annotated[str | None, typer.Option(help="person, assistant, tool, approval, file, memory, summary or signoff.")] = None,
    text: Annotated[str | None, typer.Option(help="Words that are in it.")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Of turns whose answer somebody called wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
) -> None:
    """Show what was said and done, a line a message, with personal data masked (exit status 1 where there is none)."""
    from agent.conversation_log.reading import Wanted
    from bot.commands.conversation_log import print_log

    at = since.replace(tzinfo=since.tzinfo or UTC) if since is not None else None
    wanted = Wanted(agent=agent, since=at, outcome=outcome, tool=tool, role=role, text=text, wrong=wrong or None)
    print_log(read_settings(), wanted, conversation, as_json=as_json)


@cli.command()
@refusing
def forget_person(
    user: Annotated[str, typer.Argument(help="The person's id in Slack, such as U012AB3CD.")],
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
) -> None:
    """Erase the conversations in which a person spoke, whole, and what is remembered of them. The audit log stays whole."""
    from bot.commands.forget_person import forget_person as erase_person

    erase_person(read_settings(), user, lambda: yes or typer.confirm("Erase all of this for good?"))


@cli.command()
@refusing
def release(session: Annotated[str, typer.Argument(help="As `signoff doctor` names it.")]) -> None:
    """Have a conversation that was set aside tried again (exit status 1 where there is no such one)."""
    from bot.commands.release import release_session

    if not release_session(read_settings(), session):
        raise Refusal(f"No conversation {session} is set aside.", status=1)
    typer.echo(f"{session} is tried again.")


@cli.command()
@refusing
def demo(
    port: Annotated[int, typer.Option(help="Of the sandbox page; 0 picks a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Open the bot in a sandbox workspace on this machine: no Slack, no key, no database needed."""
    if find_spec("bot.sandbox") is None:
        raise Refusal("The demo is not part of this installation: get Signoff's source, and run `make demo` in it.")
    settings = read_settings()
    from bot.sandbox.demo import demonstrate

    _log(Config(), settings)
    asyncio.run(_until_stopped(demonstrate(settings, port, open_browser=browser)))


def _log(config: Config, settings: Settings) -> None:
    with _no_garbage():
        from agent.masking import patterns_masker
        from bot.app.log_lines import log_handler, log_uncaught

        mask = patterns_masker(config.masking.wanted())
    logging.basicConfig(level=logging.INFO, handlers=[log_handler(sys.stderr, mask, as_json=settings.log_format == "json")])
    log_uncaught()


def _serve(settings: Settings, *, intake: bool, work: bool) -> None:
    from bot.config.mcp_file import read_servers

    config = load_config(settings.signoff_config)
    _log(config, settings)
    mcp = read_servers(settings.signoff_config, config.mcp, environment())
    check_slack(settings)
    if work:
        check_model(settings)
    if not intake and "port" not in settings.model_fields_set:
        settings = settings.model_copy(update={"port": 0})  # workers beside a bot, or beside each other, do not ask for its port
    with _no_garbage():
        from bot.app.exporting import exporting
        from bot.app.wiring import running

    scraped, older_names = settings.metrics_port is not None, settings.metrics_older_names
    home = Home(settings.signoff_home)
    with (
        exporting(environment(), scraped=scraped, older_names=older_names) as figures,
        home.servers(settings.database_url, settings.redis_url) as servers,
    ):

        async def serve() -> None:
            async with running(settings, config, servers, intake=intake, work=work, mcp=mcp, figures=figures) as bot:
                log.info("ready on port %d", bot.port)
                await asyncio.Event().wait()

        asyncio.run(_until_stopped(serve()))


@contextmanager
def _no_garbage() -> Generator[None]:
    """Look for no garbage in what the block imports and builds, neither now nor later: it stays.

    Now it would be a quarter of the time; later each full look would hold up the event loop for a fifth of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    """Do the work until SIGTERM or SIGINT. The first of them cancels it, wherever it is; its cleaning up is left alone."""
    task = asyncio.create_task(work)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, lambda: task.cancelling() or task.cancel())
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Run the command `signoff`."""
    cli()


if __name__ == "__main__":
    main()
