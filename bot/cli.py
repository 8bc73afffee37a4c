"""The command line. How each command ends says `bot.config.refusal.ExitStatus`.

A command imports what only it needs: the libraries below take seconds, and help or a sentence should not.

Long because each command is a function here.
"""

import asyncio
import gc
import logging
import signal
import sys
import tomllib
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.completing import PROGRAM, know_shells, print_completion
from bot.config.file import Config, load_config
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings, check_model, check_slack, environment, examine_settings, read_settings
from bot.eval_cli import evals, replay
from bot.memory_cli import memory
from bot.moments import MaybeSince, Since
from bot.policy_cli import policy, tools
from bot.prompts_cli import prompts
from bot.refusing import AsJson, Whole, console, print_json, refusing, write_anything
from bot.stores.embedded_home import Home

if TYPE_CHECKING:
    from bot.commands.finding import Finding

STATUSES = "Exit status: 0 fine; 1 something was found, or there is nothing of what was asked for; 2 something must be mended."
cli = typer.Typer(
    cls=Whole,
    no_args_is_help=True,
    add_completion=False,
    help="An agent for Slack that acts only on what a person approved.",
    epilog=STATUSES,
)
cli.add_typer(policy, name="policy")
audit = typer.Typer(no_args_is_help=True, help="Who asked, saw, decided and ran what: the log that cannot be changed unseen.")
cli.add_typer(audit, name="audit")
cli.add_typer(tools, name="tools")
cli.add_typer(memory, name="memory")
cli.add_typer(evals, name="eval")
cli.add_typer(prompts, name="prompts")
cli.command()(replay)
log = logging.getLogger("signoff")

CONVERSATION = "A link to a message of it in Slack, its session (TEAM:CHANNEL:TS), or the trace of a turn."


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        version = installed_version(PROGRAM)
    except PackageNotFoundError:  # the image has the code alone, not installed
        project = Path(__file__).parents[1] / "pyproject.toml"
        version = str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    typer.echo(f"{PROGRAM} {version}")
    raise typer.Exit


@cli.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Say what holds of every command: `--version` alone."""


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
    from bot.stores.migrating import upgrade

    settings = read_settings()
    with Home(settings.signoff_home).servers(settings.database_url, settings.redis_url or "redis://unused") as servers:
        upgrade(servers.database_url)
    console.print("The database is at the newest schema.", style="green")


@cli.command()
@refusing
def doctor(
    live: Annotated[bool, typer.Option("--live", help="Ask the bot that runs here what it says of itself, on PORT.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that has to be right before the first mention; exit status 2 when something is not.

    With --live, ask a running bot: exit status 1 when something is wrong with it, 2 when none answers.
    """
    if live:
        from bot.commands.doctor_live import examine_running

        findings = asyncio.run(examine_running(read_settings()))
        _print_findings(findings, as_json=as_json)
        if any(finding.level != "ok" for finding in findings):
            raise typer.Exit(ExitStatus.FOUND)
        return
    from bot.commands.doctor import examine

    settings, wrong = examine_settings()
    findings = asyncio.run(examine(settings, settings.signoff_config, wrong))
    _print_findings(findings, as_json=as_json)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(ExitStatus.MEND)


def _print_findings(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        print_json([{"level": each.level, "what": each.what, "mend": each.mend} for each in findings])
        return
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
    as_json: AsJson = False,
) -> None:
    """Look for entries, and rows that they are about, that were changed, added or removed (then exit status 1).

    Prints each workspace's count and last hash. Exit status 1 also where there is no entry at all.
    """
    from bot.commands import audit_report

    if not audit_report.verify(read_settings(), head or (), as_json=as_json):
        raise typer.Exit(ExitStatus.FOUND)


@audit.command()
@refusing
def export(
    since: Since,
) -> None:
    """Write the entries since then to standard output, a JSON object a line."""
    from bot.commands import audit_report

    audit_report.export(read_settings(), since)


@cli.command()
@refusing
def report(
    since: Since,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with charts into this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how people decide, and what sessions spend, of what was asked for since then; with --html far more, as one page."""
    if html is None:
        from bot.commands.report import print_report

        print_report(read_settings(), since, as_json=as_json)
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
    since: MaybeSince = None,
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

    wanted = Wanted(agent=agent, since=since, outcome=outcome, tool=tool, role=role, text=text, wrong=wrong or None)
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
def whois(
    person: Annotated[str, typer.Argument(help="A name, a handle such as @ann, or an e-mail address.")],
    as_json: AsJson = False,
) -> None:
    """Find the id of a person in Slack, as signoff.yaml names them (exit status 1 where there is nobody)."""
    from bot.commands.whois import whois as looked_up

    found = looked_up(read_settings(), person)
    if as_json:
        print_json(found)
        return
    for each in found:
        typer.echo("  ".join(each.values()))


@cli.command()
@refusing
def release(session: Annotated[str, typer.Argument(help="As `signoff doctor` names it.")]) -> None:
    """Have a conversation that was set aside tried again (exit status 1 where there is no such one)."""
    from bot.commands.release import release_session

    if not release_session(read_settings(), session):
        raise Refusal(f"No conversation {session} is set aside.", status=ExitStatus.FOUND)
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


@cli.command()
@refusing
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Yours.")]) -> None:
    """Print what makes a shell complete commands and options: `source <(signoff completion bash)`."""
    print_completion(cli, shell)


def main() -> None:
    """Run the command `signoff`, or answer a shell that asks how a line goes on."""
    write_anything()
    know_shells()
    cli(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
