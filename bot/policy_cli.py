"""The commands of `signoff policy` and `signoff tools`: what policy says, and of which tools.

A command imports what only it needs, as in `bot.cli`.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.config.file import DEFAULT_PATH, Config, Problem, examine_config, line_of, load_config
from bot.config.refusal import ExitStatus
from bot.config.settings import environment, read_settings
from bot.refusing import AsJson, print_json, refusing

if TYPE_CHECKING:
    from agent.tool.definition import Tools
    from bot.agents.packs import Packs

policy = typer.Typer(no_args_is_help=True, help="What signoff.yaml says of calls.")
tools = typer.Typer(help="What the agents can do.")


@policy.command()
@refusing
def check(
    tool: Annotated[str | None, typer.Option(help="Which rule speaks for a call of this tool, and why.")] = None,
    args: Annotated[str, typer.Option(help="The call's arguments, as a JSON object.")] = "{}",
    requester: Annotated[str, typer.Option(help="Who asks: the id of a Slack user.")] = "",
    channel: Annotated[str, typer.Option(help="Where: the id of a channel.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find what cannot have been meant in signoff.yaml's policy (then exit status 1), or explain what it says of one call."""
    from agent.types import Asker
    from bot.agents.policy_check import explain, read_call, unknown_packs
    from bot.agents.policy_check import lint as policy_lint

    path = read_settings().signoff_config
    config, problems = examine_config(path)
    packs, known, unseen = _known_tools(path, config)
    if tool is not None:
        definition, arguments, wrong = read_call(known, tool, args)
        asker = Asker(users=(requester,) if requester else (), channel=channel)
        judging = load_config(path).policy
        if as_json:
            verdict = judging.judge(definition, arguments, asker).model_dump(mode="json")
            print_json({"tool": tool, "arguments": arguments, "note": wrong, **verdict})
            return
        for line in explain(judging, definition, arguments, asker):
            typer.echo(line)
        if wrong:
            typer.echo(f"note: {wrong}")
        return
    absent = [Problem(line_of(path, place), wrong) for place, wrong in unknown_packs(config, packs)]
    found = sorted([*problems, *absent, *policy_lint(config.policy, known, unseen)])
    if as_json:
        print_json([{"file": str(path or DEFAULT_PATH), "line": each.line, "wrong": f"{each.wrong}."} for each in found])
    else:
        for problem in found:
            typer.echo(f"{path or DEFAULT_PATH}, line {problem.line}: {problem.wrong}.")
    if found:
        raise typer.Exit(ExitStatus.FOUND)
    if not as_json:
        typer.echo(f"{len(config.policy.rules)} rules, and nothing to mend.")


@policy.command(name="test")
@refusing
def hold_to_cases(file: Annotated[Path, typer.Argument(help="Calls with the verdicts that you expect, in YAML.")]) -> None:
    """Hold signoff.yaml's policy to a file of cases; each difference is a sentence (then exit status 1)."""
    from bot.agents.policy_cases import read_cases, unmet_cases

    path = read_settings().signoff_config
    config, cases = load_config(path), read_cases(file)
    _, known, unseen = _known_tools(path, config)
    found = list(unmet_cases(cases, config.policy, known, unseen))
    for line, wrong in found:
        typer.echo(f"{file}, line {line}: {wrong}.")
    if found:
        raise typer.Exit(ExitStatus.FOUND)
    typer.echo(f"{len(cases)} cases, all as expected.")


def _known_tools(path: Path | None, config: Config) -> tuple[Sequence[str], "Tools", Sequence[str]]:
    """Return the names of the packs that an agent may have, all tools, and what the names begin with of tools that are unseen."""
    from psycopg_pool import AsyncConnectionPool

    from bot.agents.databases import look_at_sql
    from bot.agents.packs import BUILT_IN, tool_packs
    from bot.agents.toolbox import known_tools
    from bot.config.mcp_file import read_servers

    packs = tool_packs(AsyncConnectionPool(open=False), config, look_at_sql(config.databases))
    servers = read_servers(path, config.mcp, environment())
    known, unseen = asyncio.run(known_tools(packs, servers))
    return [*(pack for pack in packs if pack != BUILT_IN), *(f"mcp:{server.name}" for server in servers)], known, unseen


@tools.callback(invoke_without_command=True)
@refusing
def listing(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tools: name, effect, the pack or file it comes from, and the rule that speaks for a call of it."""
    if context.invoked_subcommand is None:
        from bot.commands import tools_report

        config, packs, proposals = _config_and_packs()
        rows = tools_report.tool_rows(packs, config.policy)
        if as_json:
            print_json([dict(zip(("name", "effect", "from", "rule"), row, strict=True)) for row in rows])
            return
        for line in tools_report.listing(rows):
            typer.echo(line)
        for sentence in proposals:
            typer.echo(f"{sentence}.", err=True)


@tools.command()
@refusing
def lint(
    servers: Annotated[bool, typer.Option("--servers", help="Also the words of MCP servers, which you cannot change.")] = False,
) -> None:
    """Find what a model or a person would miss in the tools (then exit status 1): by words, so have a look yourself."""
    from bot.commands import tools_report

    config, packs, _ = _config_and_packs()
    found = tools_report.lint(config, packs, servers=servers)
    for sentence in found:
        typer.echo(f"{sentence}.")
    if found:
        raise typer.Exit(ExitStatus.FOUND)
    typer.echo("Nothing to mend.")


def _config_and_packs() -> tuple[Config, "Packs", Sequence[str]]:
    """Return the configuration, every tool by its pack, and sentences on what could be vouched for."""
    from psycopg_pool import AsyncConnectionPool

    from bot.agents.databases import look_at_sql
    from bot.agents.packs import tool_packs
    from bot.agents.toolbox import offered
    from bot.config.mcp_file import read_servers

    path = read_settings().signoff_config
    config = load_config(path)
    own = tool_packs(AsyncConnectionPool(open=False), config, look_at_sql(config.databases))
    of_servers, proposals = asyncio.run(offered(read_servers(path, config.mcp, environment())))
    return config, {**own, **of_servers}, proposals
