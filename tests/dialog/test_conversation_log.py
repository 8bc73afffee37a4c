"""`signoff log`: what was said and done, with personal data masked, beside a running bot."""

import json
from pathlib import Path
from typing import Any

from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import World, mention
from tests.signoff import ran
from tests.stores.core import until

PERSON = "ada@example.com"
CARD = "4111 1111 1111 1111"
ORDER = call("create_order", customer=PERSON, sku="WGT-001", quantity=1)
LOOK = call("search_product_catalog", query="Widget Pro", limit=1)


async def log(world: World, folder: Path, *arguments: str, command: str = "log") -> tuple[int, str, str]:
    """The exit status of the command, and what it says."""
    return await ran(command, *arguments, folder=folder, environment={"DATABASE_URL": world.database_url})


async def written(world: World, session: str) -> None:
    """Until the log holds all that the session's steps hold."""

    async def caught_up() -> bool:
        steps = await world.rows("SELECT max(seq) FROM step WHERE session_id = %s", session)
        return await world.rows("SELECT seq FROM conversation_position WHERE session_id = %s", session) == steps

    await until(caught_up)


async def test_a_conversation_is_read_with_nobodys_data_in_it(world: World, tmp_path: Path) -> None:
    world.log_conversations = True
    await world.start_bot()
    world.model.script = Lines(calls(LOOK, ORDER), f"It is ordered for {PERSON}.", "Nothing more to do.")
    talk = await mention(world, "ann", f"order one for {PERSON}, my card is {CARD}")
    await talk.rejects("ben", await talk.card(), reason=f"ask {PERSON} first")
    await talk.sees("It is ordered")
    await talk.says("ann", "and now?")
    await talk.sees("Nothing more to do.")
    await talk.rests()
    session = f"{world.slack.team_id}:{talk.channel}:{talk.ts}"
    await written(world, session)

    status, out, err = await log(world, tmp_path, session, "--json")
    assert (status, err) == (0, "")
    told: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    ann, ben = (world.slack.people[name] for name in ("ann", "ben"))
    told[2:4] = sorted(told[2:4], key=lambda each: each["role"])  # the search and the question are side by side
    assert [(each["turn"], each["role"], each["tool"], each["outcome"]) for each in told] == [
        (1, "person", "", ""),
        (1, "assistant", "", ""),
        (1, "approval", "create_order", "asked"),
        (1, "tool", "search_product_catalog", "succeeded"),
        (1, "approval", "create_order", "rejected"),
        (1, "assistant", "", "success"),
        (2, "person", "", ""),
        (2, "assistant", "", "success"),
    ]
    assert told[0]["ids"]["user"] == ann
    assert told[0]["words"]["text"].endswith("order one for [EMAIL_1], my card is [CARD_1]")
    assert told[2]["words"]["arguments"] == {"customer": "[EMAIL_1]", "sku": "WGT-001", "quantity": 1, "note": ""}
    assert told[4]["ids"]["by"] == ben
    assert told[4]["words"]["reason"] == "ask [EMAIL_1] first"
    assert told[5]["words"]["text"] == "It is ordered for [EMAIL_1]."
    assert {(each["session_id"], each["agent"]) for each in told} == {(session, "assistant")}
    assert all(each["prompt_digest"] for each in told)

    link = f"https://team.slack.com/archives/{talk.channel}/p{talk.ts.replace('.', '')}"
    status, of_a_rejection, _ = await log(world, tmp_path, link, "--outcome", "rejected")
    assert (status, of_a_rejection.count("\n")) == (0, 1)
    assert f"approval {ben} create_order rejected  reason: ask [EMAIL_1] first" in of_a_rejection
    status, of_the_trace, _ = await log(world, tmp_path, told[-1]["trace_id"], "--json")
    assert [json.loads(line)["turn"] for line in of_the_trace.splitlines()] == [2, 2]
    assert PERSON not in out + of_a_rejection + of_the_trace
    assert CARD not in out

    _, out, _ = await log(world, tmp_path, told[-1]["trace_id"], "--json", command="trace")
    shown = json.loads(out)
    assert [(turn["of"], turn["trace"]) for turn in shown["turns"]] == [("2", told[-1]["trace_id"])]

    status, out, err = await log(world, tmp_path, "--text", "nobody said this")
    assert (status, out) == (1, "")
    assert err.startswith("No message of the log is like that")
    status, out, err = await log(world, tmp_path, "0" * 32)
    assert (status, out) == (1, "")
    assert err.startswith("No conversation is known by 000")
