"""`signoff doctor --live`: asks a bot that runs on this machine what it says of itself, and says what to do about that.

It asks as anybody may: /healthz and /readyz on PORT, and the figures on METRICS_PORT where that is set. Nothing is changed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import aiohttp

from bot.cards.harmless_text import visible
from bot.commands.finding import PATIENCE_SECONDS, Finding, first_line
from bot.config.refusal import Refusal
from bot.config.settings import Settings

# From where on somebody is to look: as the alerts in docs/watching.
QUEUE_SECONDS = 60
CARD_SECONDS = 4 * 3600
QUESTION_SECONDS = 3600
AUDIT_SECONDS = 2 * 3600

ANY_PORT = "PORT is 0, any free port: set PORT to the one that the bot's log names in `ready on port`, and try again."
NOBODY = "Nothing answers on port {port} ({why}): start the bot with `signoff run`, or set PORT to where it serves /healthz."
SOMEBODY_ELSE = "What answers on port {port} is not Signoff: set PORT to where the bot serves /healthz."
MENDS = {  # what /readyz names, or how that begins
    "slack does": "Copy SLACK_BOT_TOKEN again from the app's pages at api.slack.com/apps, and start the bot anew.",
    "slack": "It connects by itself once Slack can be reached: check the network, and SLACK_APP_TOKEN.",
    "database": "It goes on by itself once Postgres answers: check DATABASE_URL, and the server.",
    "redis": "It goes on by itself once Redis answers: check REDIS_URL, and the server.",
}
SAMPLE = re.compile(r"^(?P<name>signoff_[a-z_]+)(\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
OPEN_BREAKER = re.compile(
    r'^signoff_model_out_of_reach\{[^}]*gen_ai_request_model="(?P<model>[^"]*)"[^}]*\} 1(\.0)?$', re.MULTILINE
)


async def examine_running(settings: Settings) -> Sequence[Finding]:
    """Return what the running bot says. Raises Refusal where none can be asked."""
    port = settings.port
    if port == 0:
        raise Refusal(ANY_PORT)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)) as http:
        try:
            alive, ready = await _got(http, port, "/healthz"), await _got(http, port, "/readyz")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refusal(NOBODY.format(port=port, why=visible(first_line(error)))) from None
        if alive != (200, "ok"):
            raise Refusal(SOMEBODY_ELSE.format(port=port))
        return [
            Finding("ok", f"Bot: it runs, on port {port}."),
            _readiness(*ready),
            *await _figures_said(http, settings.metrics_port),
        ]


async def _got(http: aiohttp.ClientSession, port: int, path: str) -> tuple[int, str]:
    async with http.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, (await answer.text(errors="replace")).strip()


def _readiness(status: int, said: str) -> Finding:
    if status == 200:
        return Finding("ok", "Ready: it takes in events, and Slack, database and Redis answer it.")
    mend = next((mend for begins, mend in MENDS.items() if said.startswith(begins)), "The log of the bot says more.")
    return Finding("fail", f"Ready: not now ({visible(said.partition(chr(10))[0])[:200]}).", mend)


async def _figures_said(http: aiohttp.ClientSession, port: int | None) -> Sequence[Finding]:
    if not port:
        return [Finding("ok", "Figures: not asked for, since METRICS_PORT names no port.")]
    try:
        status, page = await _got(http, port, "/metrics")
    except (aiohttp.ClientError, TimeoutError) as error:
        what = f"Figures: nothing answers on port {port} ({visible(first_line(error))})."
        return [Finding("fail", what, "Start the bot with this METRICS_PORT, or set it to the one that it was started with.")]
    found = {sample["name"]: float(sample["value"]) for sample in SAMPLE.finditer(page) if not sample["labels"]}
    if status != 200 or "signoff_queue_depth" not in found:
        mend = "It counts what waits every 10 seconds, if the database answers: try again, then look into its log."
        return [Finding("fail", f"Figures: port {port} has none of the database.", mend)]
    return [*_waiting(found), *(_out_of_reach(each["model"]) for each in OPEN_BREAKER.finditer(page))]


def _waiting(figures: Mapping[str, float]) -> Iterator[Finding]:
    """Yield a line for each kind of thing that waits."""

    def line(what: str, count: str, age: str, most_seconds: float, mend: str) -> Finding:
        number, seconds = int(figures.get(count, 0)), figures.get(age, 0.0)
        since = f", the first for {_rounded(seconds)}" if number else ""
        late = bool(number) and seconds > most_seconds
        return Finding("warn" if late else "ok", f"{what.format(number)}{since}.", mend if late else "")

    yield line(
        *("Queue: {} conversations are due, and nobody has them", "signoff_queue_depth", "signoff_queue_oldest_age_seconds"),
        *(QUEUE_SECONDS, "Start another `signoff worker`, and look into the log of those that run."),
    )
    yield line(
        *("Cards: {} wait for a decision", "signoff_cards_open", "signoff_cards_oldest_age_seconds"),
        *(CARD_SECONDS, "Those who may decide find them in their Home tab."),
    )
    yield line(
        *("Questions: {} calls have an unknown outcome", "signoff_questions_open", "signoff_questions_oldest_age_seconds"),
        *(QUESTION_SECONDS, "Those who may answer find them in their Home tab."),
    )
    if aside := int(figures.get("signoff_conversations_aside", 0)):
        mend = "`signoff doctor` names them, `signoff release SESSION` has one tried again."
        yield Finding("fail", f"Conversations: {aside} set aside.", mend)
    uncovered = figures.get("signoff_audit_uncovered_age_seconds", 0.0)
    if uncovered > AUDIT_SECONDS:
        what = f"Audit: its heads were written last {_rounded(uncovered)} ago, and it has grown since."
        yield Finding("warn", what, "The log says why: most likely the file of heads cannot be written.")


def _out_of_reach(model: str) -> Finding:
    mend = "It is tried again by itself; look at the provider's status page."
    return Finding("fail", f"Model: {visible(model)} is out of reach, and not called at the moment.", mend)


def _rounded(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
