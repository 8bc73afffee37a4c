"""Where the bot's token goes when a file is fetched: to Slack, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from agent.errors import RefusedError
from agent.types import Attachment
from bot.config.manifest import read_manifest
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.slack.files import SlackFiles, is_slacks
from bot.slack.web_api import open_reader

OWN = "http://127.0.0.1:4000/api/"


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://files.slack.com/files-pri/T1-F1/download/a.csv", True),
        ("https://team.slack.com/files-pri/T1-F1/a.csv", True),
        ("https://files.slack-gov.com/files-pri/T1-F1/a.csv", True),
        ("https://files.slack.com:443/a", True),
        ("http://127.0.0.1:4000/files-pri/T1-F1/a.csv", True),  # where the Web API is
        ("http://files.slack.com/a", False),
        ("https://files.slack.com:8443/a", False),
        ("https://slack.com.evil.example/a", False),
        ("https://evilslack.com/a", False),
        ("https://files.slack.com@evil.example/a", False),
        ("https://evil.example\\@files.slack.com/a", False),
        ("https://evil.example#.slack.com/", False),
        ("http://127.0.0.1:4001/a", False),
        ("https://127.0.0.1:4000/a", False),
        ("https://files.slack.com:x/a", False),
        ("//files.slack.com/a", False),
        ("", False),
    ],
)
def test_the_token_is_for_slacks_own_hosts(url: str, trusted: bool) -> None:
    assert is_slacks(url, OWN) is trusted


@dataclass
class Elsewhere:
    """A server that is not Slack, and what it was sent."""

    url: str = ""
    seen: list[str | None] = field(default_factory=list[str | None])

    async def answer(self, request: web.Request) -> web.Response:
        """Gladly."""
        self.seen.append(request.headers.get("Authorization"))
        return web.Response(body=b"a,b\n1,2\n")


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    there = Elsewhere()
    site = web.Application()
    site.router.add_get("/{path:.*}", there.answer)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield there
    await runner.cleanup()


@pytest.fixture
async def slack() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(read_manifest()) as sandbox:
        yield sandbox


@pytest.fixture
async def files(slack: SlackSandbox) -> AsyncIterator[SlackFiles]:
    client = open_reader(slack.bot_token, slack.api_url)
    yield SlackFiles(client)
    assert client.session is not None
    await client.session.close()


async def attached(slack: SlackSandbox) -> Attachment:
    """A file that somebody shares."""
    ts = await slack.say("ann", "orders", "", files=[("a.csv", b"a,b\n1,2\n")])
    [file] = slack.thread("orders", ts)[0].files
    return Attachment(id=file.id, name=file.name)


async def test_an_address_elsewhere_is_not_asked(slack: SlackSandbox, files: SlackFiles, elsewhere: Elsewhere) -> None:
    file = await attached(slack)
    assert await files.fetch(file, 1_000) == b"a,b\n1,2\n"
    slack.workspace.base_url = elsewhere.url  # from now on files are said to lie there
    with pytest.raises(RefusedError, match=r"its address is not one of Slack's"):
        await files.fetch(file, 1_000)
    assert elsewhere.seen == []


async def test_a_redirect_within_slack_is_followed(slack: SlackSandbox, files: SlackFiles) -> None:
    file = await attached(slack)
    slack.faults.redirect("/files-pri/T1-" + file.id + "/a.csv?from=another-host")
    assert await files.fetch(file, 1_000) == b"a,b\n1,2\n"
    statuses = [call.status for call in slack.calls if call.method == "url_private_download"]
    assert statuses == [302, 200]  # the second one only with the token


async def test_redirects_without_end_end(slack: SlackSandbox, files: SlackFiles) -> None:
    file = await attached(slack)
    slack.faults.redirect("/files-pri/T1-" + file.id + "/a.csv", times=50)
    with pytest.raises(RefusedError, match="from one address to the next more than 5 times"):
        await files.fetch(file, 1_000)


@pytest.mark.parametrize("location", ["{elsewhere}", "//evil.example/a.csv", "http://files.slack.com/a.csv", "http://[::1"])
async def test_a_redirect_out_of_slack_is_not_followed(
    slack: SlackSandbox, files: SlackFiles, elsewhere: Elsewhere, location: str
) -> None:
    file = await attached(slack)
    slack.faults.redirect(location.format(elsewhere=elsewhere.url))
    with pytest.raises(RefusedError, match="Slack leads to an address that is not Slack's"):
        await files.fetch(file, 1_000)
    assert elsewhere.seen == []


async def test_a_file_that_slack_does_not_know_yet_is_asked_for_once_more(slack: SlackSandbox, files: SlackFiles) -> None:
    file = await attached(slack)
    slack.faults.error("files.info", "file_not_found")
    assert await files.fetch(file, 1_000) == b"a,b\n1,2\n"
    slack.faults.error("files.info", "file_not_found", times=2)
    with pytest.raises(RefusedError, match="it is not there any more"):
        await files.fetch(file, 1_000)


async def test_a_page_to_sign_in_is_not_followed(slack: SlackSandbox, files: SlackFiles, elsewhere: Elsewhere) -> None:
    file = await attached(slack)
    slack.faults.hold("url_private_download")
    fetching = asyncio.create_task(_refused(files, file))
    await slack.until(lambda: slack.faults.holding("url_private_download"))
    await slack.remove("signoff", "orders")  # Slack then leads to a page for people to sign in
    slack.workspace.base_url = elsewhere.url
    slack.faults.release("url_private_download")
    await fetching
    assert elsewhere.seen == []


async def _refused(files: SlackFiles, file: Attachment) -> None:
    with pytest.raises(RefusedError, match="Slack does not let the app have it"):
        await files.fetch(file, 1_000)


async def test_a_file_that_is_larger_than_it_was_said_to_be_is_not_read_on(slack: SlackSandbox, files: SlackFiles) -> None:
    file = await attached(slack)
    with pytest.raises(RefusedError, match="it has 8 bytes, and at most 7 can be read"):
        await files.fetch(file, 7)
