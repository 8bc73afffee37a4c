"""Deliveries in the shapes in which Slack makes them, through the real edge: signed HTTP in, and what came of it.

`deliveries.jsonl` has one on each line: its name says what it is, `bodies` are whole as Slack sends them, `becomes` is what has
to come of them. The shapes are those of docs.slack.dev (events, message subtypes, file and view objects, interactions), of the
fixtures of bolt-python, and of public reports; names that begin with $ stand for the sandbox's own.
"""

import json
import logging
import time
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.config.file import Config
from bot.config.manifest import read_manifest
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention, rows

Json = dict[str, Any]

DELIVERIES: list[Json] = [json.loads(line) for line in Path(__file__).with_name("deliveries.jsonl").read_text().splitlines()]
STARTED = "1790000000.000100"  # the conversation that is there before those with `"given": "thread"`


def names_of(world: World, talk: Talk | None, action_id: str, card_ts: str) -> dict[str, str]:
    """Return the sandbox's own for each name of the file, those first that others begin with."""
    slack = world.slack
    people = {f"${name.upper()}": slack.people[name] for name in ("ann", "ben")}
    places = {f"${name.upper()}": slack.channels[name] for name in ("orders", "finance", "mpim")}
    ours = {"$BOTID": slack.bot_id, "$BOT": slack.bot_user_id, "$APP": slack.app_id, "$TEAM": slack.team_id}
    of_card = {"$ACTION": action_id, "$CARD": card_ts, "$THREAD": talk.ts if talk else "", "$NOW": f"{time.time():.6f}"}
    return {**people, **places, **ours, **of_card, "$DM": slack.dm_channel("ann")}


def named(value: Any, names: dict[str, str]) -> Any:
    """Return JSON with the sandbox's own names."""
    text = json.dumps(value)
    for name, own in names.items():
        text = text.replace(name, own)
    return json.loads(text)


async def deliver(world: World, form: str, body: Json, number: int = 0) -> tuple[int, str]:
    """Send a body as Slack does, signed. Returns the answer's status and text."""
    texts = {"json": json.dumps(body), "payload": urlencode({"payload": json.dumps(body)}), "command": urlencode(body)}
    text, now = texts[form], str(int(time.time()))
    signature = SignatureVerifier(world.slack.signing_secret).generate_signature(timestamp=now, body=text)
    kind = "application/json" if form == "json" else "application/x-www-form-urlencoded"
    headers = {"Content-Type": kind, "X-Slack-Request-Timestamp": now, "X-Slack-Signature": str(signature)}
    if number:
        headers |= {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
    url = f"http://127.0.0.1:{world.port}/slack/events"
    async with aiohttp.ClientSession() as session, session.post(url, data=text.encode(), headers=headers) as answer:
        return answer.status, await answer.text()


async def begun(world: World) -> None:
    """There is a conversation of Ann's."""
    event = {"type": "app_mention", "user": world.slack.people["ann"], "ts": STARTED, "text": "start"}
    event |= {"channel": world.slack.channels["orders"], "event_ts": STARTED}
    body = {"type": "event_callback", "team_id": world.slack.team_id, "event": event, "event_id": "Ev0START"}
    assert (await deliver(world, "json", body))[0] == 200


async def with_card(world: World) -> tuple[Talk, str, str]:
    """Ann has asked for something that waits: the thread, the action, and the card's ts."""
    world.model.script = Lines(call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2), "Ordered.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    return talk, rows(card)[0], card.ts


def is_part(expected: Any, found: Any) -> bool:
    """Return whether all that is expected is found: of objects only the fields that are named."""
    if isinstance(expected, dict) and isinstance(found, dict):
        named, there = cast(Json, expected), cast(Json, found)
        return all(name in there and is_part(value, there[name]) for name, value in named.items())
    if isinstance(expected, list) and isinstance(found, list):
        wanted, had = cast(list[Any], expected), cast(list[Any], found)
        return len(wanted) == len(had) and all(map(is_part, wanted, had))
    return expected == found


@pytest.mark.parametrize("delivery", DELIVERIES, ids=lambda delivery: delivery["name"])
async def test_what_slack_delivers_comes_to_what_it_is(world: World, delivery: Json, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world.config = Config(apps=("A0LISTED1",))
    given, form = delivery.get("given", ""), delivery.get("form", "json")
    await world.start_bot(http=True, work=given == "card")  # without a worker what was taken in stays as it is
    talk, action_id, card_ts = await with_card(world) if given == "card" else (None, "", "")
    if given == "thread":
        await begun(world)
    before = await world.rows("SELECT key FROM inbox")
    known = [id for (id,) in await world.rows("SELECT id FROM session")]
    names = names_of(world, talk, action_id, card_ts)
    becomes = named(delivery["becomes"], names)
    for number, body in enumerate(delivery["bodies"]):
        retry = number if delivery.get("retried") else 0
        status, answer = await deliver(world, form, named(body, names), retry)
        assert status == 200
        assert becomes.get("answer", "") in answer
    arrived = await world.rows("SELECT session_id, body FROM inbox WHERE NOT key = ANY(%s)", [key for (key,) in before])
    if becomes.get("nothing"):
        assert arrived == []
    else:
        [(session_id, row)] = arrived
        assert session_id == f"{world.slack.team_id}:{becomes['place']}"
        assert (session_id not in known) == becomes.get("opens", False)
        assert is_part(becomes["row"], row), row
        assert becomes.get("reads", "") in str(row)
    if user := becomes.get("publishes_for"):
        await world.slack.until(lambda: user in world.slack.workspace.homes)
    heard = [record for record in caplog.records if record.levelno >= logging.WARNING or "ignored" in record.msg]
    # Who is of another company cannot be told anything in this workspace, which may be found out before or after this.
    said = [record.getMessage() for record in heard if record.name != "bot.slack.one_person"]
    if log := becomes.get("log"):
        assert log in said
        assert sum("ignored" in line for line in said) == ("ignored" in log)
    elif becomes.get("unheard"):  # nobody listens to it: Bolt says so
        assert [line.partition(" (")[0] for line in said] == ["Unhandled request"]
    else:
        assert said == []


def test_every_event_that_the_manifest_subscribes_to_is_among_them() -> None:
    events: list[Json] = [body["event"] for delivery in DELIVERIES for body in delivery["bodies"] if "event" in body]
    kinds = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
    found = {
        f"message.{kinds.get(event.get('channel_type', ''))}" if event["type"] == "message" else event["type"] for event in events
    }
    subscribed: list[str] = read_manifest()["settings"]["event_subscriptions"]["bot_events"]
    assert set(subscribed) <= found
