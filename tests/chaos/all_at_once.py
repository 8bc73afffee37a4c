"""A run of everything at once: a storm, then a calm in which all comes to rest, then what is wrong with it."""

import asyncio
import json
from collections.abc import Sequence
from random import Random

from bot.sandbox.slack.team_naming import Naming, alone, enterprise_grid, slack_connect
from bot.sandbox.slack.wire import Json
from tests.chaos.answers import Answers, turns_in
from tests.chaos.assistant import Assistant
from tests.chaos.bookings import BOT_HEADER, Bookings
from tests.chaos.clicks_counted import in_the_votes
from tests.chaos.crowd import CHANNELS, Crowd, Ledgers
from tests.chaos.fates import Fates
from tests.chaos.ledger_tools import LIMIT_SECONDS
from tests.chaos.names import BOT, LARGE
from tests.chaos.rest import in_the_log, in_the_rows
from tests.chaos.stage import Stage, until
from tests.chaos.weather import SLACK_CODES, Weather

REST_SECONDS = 600.0  # for what waits for credentials, for servers, for tries that come later: nobody measures it
CONFIG = f"""
agents: {{assistant: {{budget: {{session_tokens: 5000000}}}}}}
mcp: {{bookings: {{call_seconds: 20}}}}
policy:
  - {{tool: transfer, when: "args.amount >= {LARGE} && !channel.startsWith('D')", quorum: 2}}
"""
AT_REST = """
SELECT count(*) FROM session WHERE aside_at IS NULL AND (lease_until IS NOT NULL OR wake_at < now() + interval '10 minutes')
"""


def any_naming(random: Random) -> Naming:
    """Name workspaces now as one alone, now as Connect, now as Grid: each delivery in its own way."""
    ways = (alone, slack_connect("TTHEIRS", "ETHEIRS"), enterprise_grid("EOURS", "TSISTER"))

    def named(body: Json) -> Json:
        return random.choice(ways)(body)

    return named


async def played(
    stage: Stage, random: Random, seconds: float, methods: Sequence[str] = tuple(SLACK_CODES)
) -> tuple[list[str], str]:
    """Return what is wrong with a run of so many seconds, and its figures. `methods`: of Slack, those that fail."""
    stage.further_environment = {**stage.further_environment, LIMIT_SECONDS: "20"}  # as for the server: slow is not wrong
    stage.slack.name_teams(any_naming(random))
    stage.slack.share("orders", "TTHEIRS")
    stage.slack.faults.duplicate(2)
    stage.model.script = assistant = Assistant(random)
    async with Bookings(random) as bookings:
        (stage.folder / "signoff.yaml").write_text(CONFIG)
        server = {"url": bookings.url, "headers": {BOT_HEADER: f"${{{BOT}}}"}}
        (stage.folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"bookings": server}}))
        weather = Weather(stage, bookings, random, [*await stage.start_two()], methods)
        crowd = Crowd(stage, random, Ledgers(stage, bookings))
        assistant.wild = 0.2
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as everything:
                everything.create_task(weather.storm())
                for user in CHANNELS["support"]:
                    everything.create_task(crowd.live(user, 2.0))
        except TimeoutError:
            assistant.wild = 0.0
        await weather.calm()
        try:
            await until(lambda: rests(stage, crowd), REST_SECONDS)
        except TimeoutError:
            raise AssertionError(f"it does not come to rest: {await restless(stage, crowd)}") from None
        log = "\n".join(path.read_text() for path in sorted(stage.folder.glob("bot-*.log")))
        fates = Fates(stage, bookings, crowd, assistant, weather.away, log)
        answers = Answers(stage, crowd, log, await turns_in(stage))
        findings = [*fates.findings(), *answers.findings(), *in_the_log(log)]
        findings += [each async for each in in_the_rows(stage, crowd, log)]
        findings += [each async for each in in_the_votes(stage)]
        [(sessions,)] = await stage.rows("SELECT count(*) FROM session")
        figures = (
            f"{sessions} sessions, {len(crowd.tasks)} tasks, {len(assistant.made)} writes asked for, "
            f"{sum(Ledgers(stage, bookings).all().values())} ran; {sum(crowd.clicks.values())} clicks; "
            f"{len(weather.away) + weather.ended} processes killed, frozen or ended ({weather.both} times both); "
            f"{weather.faults} faults of Slack and model, {assistant.broken} broken replies, "
            f"{bookings.sessions_begun} MCP sessions, {bookings.refused} calls with one that was forgotten"
        )
        return findings, figures


async def restless(stage: Stage, crowd: Crowd) -> str:
    """What has not come to rest."""
    waiting = [(each.message.channel, each.message.ts, sorted(each.writes)) for each in crowd.buttons()]
    due = await stage.rows("SELECT id, epoch, failures, lease_until, wake_at, now() FROM session WHERE wake_at IS NOT NULL")
    return f"people are asked {waiting}; of sessions {due}; deliveries {stage.slack.delivering}; tried {crowd.tried}"


async def rests(stage: Stage, crowd: Crowd) -> bool:
    """Whether everything that waited is decided, everything is delivered, and no session has anything to do."""
    resting = not stage.slack.delivering and await stage.rows(AT_REST) == [(0,)]
    return await crowd.settle(resting=resting) and resting
