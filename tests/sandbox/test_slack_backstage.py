"""What the page has of the bot behind it, where somebody runs one, and none of it where nobody does."""

import aiohttp
import pytest

from bot.sandbox import SlackSandbox
from bot.sandbox.slack.backstage import Backstage
from bot.sandbox.slack.wire import Json
from bot.sandbox.story import tell, tour
from tests.sandbox.slack_bots import MANIFEST


class Behind:
    """A bot that dies once."""

    def __init__(self) -> None:
        self.alive = True

    def kill(self) -> bool:
        alive, self.alive = self.alive, False
        return alive

    async def audit(self) -> Json:
        return {"count": 0}


async def test_it_kills_and_shows_logs_and_says_so_in_the_state() -> None:
    behind = Behind()
    backstage = Backstage(
        tour=lambda: {"steps": []},
        process=lambda: {"alive": behind.alive},
        kill=behind.kill,
        log=lambda: {"lines": ["hello"]},
        audit=behind.audit,
    )
    async with SlackSandbox(MANIFEST, backstage=backstage) as sandbox, aiohttp.ClientSession(sandbox.page_url) as page:
        assert await (await page.get("/sandbox/log")).json() == {"lines": ["hello"]}
        assert await (await page.get("/sandbox/audit")).json() == {"count": 0}
        assert await (await page.post("/sandbox/kill", json={})).json() == {"ok": True}
        state = await (await page.get("/sandbox/state")).json()
        assert state["backstage"] == {"tour": {"steps": []}, "process": {"alive": False}}
        again = await (await page.post("/sandbox/kill", json={})).json()
        assert (again["ok"], again["error"]) == (False, "The bot is not running just now: it starts again by itself.")


async def test_another_site_in_the_browser_kills_nothing() -> None:
    behind = Behind()
    backstage = Backstage(dict, dict, behind.kill, dict, behind.audit)
    async with (
        SlackSandbox(MANIFEST, backstage=backstage) as sandbox,
        aiohttp.ClientSession(sandbox.page_url, headers={"Origin": "https://evil.example"}) as page,
        page.post("/sandbox/kill", json={}) as answer,
    ):
        assert answer.status == 403
    assert behind.alive


@pytest.mark.parametrize(("method", "path"), [("POST", "kill"), ("GET", "log"), ("GET", "audit")])
async def test_a_sandbox_without_a_bot_of_ours_has_none_of_it(method: str, path: str) -> None:
    async with SlackSandbox(MANIFEST) as sandbox, aiohttp.ClientSession(sandbox.page_url) as page:
        async with page.request(method, f"/sandbox/{path}") as answer:
            assert answer.status == 404
        assert (await (await page.get("/sandbox/state")).json())["backstage"] is None


async def test_the_tour_names_people_and_places_of_this_workspace() -> None:
    sandbox = SlackSandbox(MANIFEST, numbered=True)
    tell(sandbox.workspace)
    steps = tour(sandbox.workspace, "http://supplier.example:8000/price-list")["steps"]
    for step in steps:
        present = sandbox.workspace.channels[step["channel"]].members
        assert {step["as"], *step["others"]} <= present
        assert step["posted"] == step["says"].replace("@Signoff", f"<@{sandbox.bot_user_id}>")
    assert sandbox.channels["suppliers"] == "C0000000005"  # as demo.yaml names it
    assert [step["key"] for step in tour(sandbox.workspace, None)["steps"]] == [step["key"] for step in steps][:3]
