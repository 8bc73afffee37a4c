"""A past session is run again with what its tools answered then, and nothing that a tool does can happen.

Long because each kind of conversation is a dialog that is first had, then replayed.
"""

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.prompts.versions import PROMPTS
from agent.tool.definition import Tool, ToolContext, ToolError
from bot.config.file import AgentSection, Config, load_config
from bot.config.refusal import Refusal
from bot.eval.replay import Replayed, replay
from bot.eval.side_by_side import Pair, pairs, ran_with
from bot.sandbox.model import Call, Lines, Reply, Request, call, calls, say
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_long_conversations import ASKS
from tests.signoff import ran

IN_USE, BEFORE = PROMPTS.load("assistant"), PROMPTS.load("assistant@1")
NEW_IN_USE = "A result may hold a `note`"  # words of the one in use that the one before does not have


# Tells in a file, and a server on this machine, what it has done.
SENDING = """
import socket

from agent.declare import tool


def reach(what: str) -> dict[str, str]:
    with open({sent!r}, "a") as file:
        file.write(what + " ")
    if what != "loaded":
        socket.create_connection(("127.0.0.1", {port})).close()
    return {{"sent": what}}


@tool(effect="read")
def look(to: str) -> dict[str, str]:
    \"""Look somewhere.\"""
    return reach(to)


@tool
def send(to: str) -> dict[str, str]:
    \"""Send something there.\"""
    return reach(to)


reach("loaded")
"""


class Sent(BaseModel):
    """What is sent, and where to."""

    to: str


def order(quantity: int) -> Call:
    """A call with its own id."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=quantity)


def config_with(world: World, rules: Sequence[Mapping[str, Any]]) -> Config:
    """What signoff.yaml with these rules says."""
    path = world.home / "signoff.yaml"
    path.write_text(json.dumps({"policy": rules}))
    return load_config(path)


def session_of(world: World, talk: Talk) -> str:
    """The session's id."""
    return f"{world.slack.team_id}:{talk.channel}:{talk.ts}"


async def replayed(world: World, talk: Talk, prompt: str | None = None, model: str | None = None) -> Replayed:
    """Both runs of a conversation."""
    named = session_of(world, talk)
    return await asyncio.to_thread(replay, world.settings(), world.config, named, prompt, model)


def differing(of: Replayed) -> Sequence[Pair]:
    """The parts that differ."""
    return [pair for pair in pairs(of.then, of.now) if pair.differs]


async def test_the_same_model_gives_no_difference_and_another_prompt_shows_its_hash_and_the_calls_that_it_changes(
    world: World,
) -> None:
    script = (order(2), "Not ordered.", call("find_products", query="widget"), order(1), "It is ordered.")
    await world.start_bot()
    world.model.script = Lines(*script)
    talk = await mention(world, "ann", "order two for ada@example.com")
    await talk.rejects("ben", await talk.card(), "not today")
    await talk.sees("Not ordered")
    await talk.says("cleo", "then one")
    await talk.clicks("ann", await talk.card())
    await talk.sees("It is ordered.")
    await talk.rests()
    orders = await world.rows("SELECT count(*) FROM shop.orders")
    posts = len(world.slack.calls)

    world.model.script = Lines(*script)
    same = await replayed(world, talk)
    assert (differing(same), same.trouble, same.left_out) == ([], "", [])
    told = {pair.what: pair.then for pair in pairs(same.then, same.now) if pair.turn == 1}
    assert told["decisions"] == f"asked\nrejected by {world.slack.people['ben']} “not today”"
    assert "[EMAIL_1]" in told["people"]
    assert same.then.figures.iterations == same.now.figures.iterations == 5

    world.model.script = Lines(order(3), "Not ordered.", order(1), "It is ordered.")
    before = len(world.model.requests)
    other = await replayed(world, talk, prompt="assistant@1", model="claude-opus-5")
    asked = world.model.requests[before:]
    assert {request["model"] for request in asked} == {"claude-opus-5"}
    assert [any(NEW_IN_USE in str(request["system"]) for request in of) for of in (world.model.requests[:before], asked)] == [
        True,
        False,
    ]
    assert [(pair.then, pair.now) for pair in ran_with(other.then, other.now)] == [
        (f"assistant@2 ({IN_USE.digest})", f"assistant@1 ({BEFORE.digest})"),
        ("claude-sonnet-5-5", "claude-opus-5"),
    ]
    changed = [(pair.turn, pair.what) for pair in differing(other)]
    assert changed == [(1, "call"), (2, "call"), (2, "result")]
    assert '"quantity": 3' in differing(other)[0].now
    assert differing(other)[1].now == "–"
    assert await world.rows("SELECT count(*) FROM shop.orders") == orders
    assert len(world.slack.calls) == posts


def arrived(server: socket.socket) -> int:
    """How many connections a server has got since."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


async def test_nothing_of_a_tool_runs_not_even_within_this_machine(world: World, tmp_path: Path) -> None:
    sent, file = tmp_path / "sent", tmp_path / "sending.py"
    with socket.create_server(("127.0.0.1", 0)) as server:
        file.write_text(SENDING.format(port=server.getsockname()[1], sent=str(sent)))
        world.config = Config(agents={"assistant": AgentSection(tools=(str(file),))})
        stop = await world.start_bot()
        script = (call("look", to="a"), call("send", to="b"), "Sent.", call("send", to="c"), call("send", to="d"), "All sent.")
        world.model.script = Lines(*script[:4], "All sent.")
        talk = await mention(world, "ann", "send it")
        await talk.clicks("ben", await talk.card())
        await talk.sees("Sent.")
        await talk.says("ann", "again")
        await talk.clicks("ben", await talk.card())
        await talk.sees("All sent.")
        await talk.rests()
        await stop()
        assert sent.read_text() == "loaded a b c "
        assert arrived(server) == 3
        world.model.script = Lines(*script)
        again = await replayed(world, talk)
        assert sent.read_text() == "loaded a b c "
        assert arrived(server) == 0
    changed = [(pair.turn, pair.what, pair.now) for pair in differing(again)]
    assert changed[0] == (2, "call", 'send {"to": "d"}')
    assert changed[1][:2] == (2, "result")
    assert "This is a replay, and nothing was recorded for this call of send" in changed[1][2]


async def test_an_unknown_outcome_is_unknown_again_and_its_question_answered_as_then(world: World) -> None:
    async def pay(arguments: Sent, context: ToolContext) -> dict[str, str]:
        raise ToolError("unexpected", "The connection broke.", unclear=True)

    world.packs = {"pays": [Tool(name="pay", description="Pays.", arguments=Sent, handler=pay)]}
    stop = await world.start_bot()
    script = (call("pay", to="ada"), "Nobody knows.", "It stays so.")
    world.model.script = Lines(*script)
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ben", await talk.card())
    question = await talk.sees("unknown")
    await talk.sees("Nobody knows.")
    await talk.rests()
    await talk.clicks("ben", question, "leave")
    await talk.sees("It stays so.")
    await talk.rests()
    await stop()
    world.model.script = Lines(*script)
    again = await replayed(world, talk)
    assert (differing(again), again.trouble) == ([], "")
    told = [(pair.what, pair.now) for pair in pairs(again.then, again.now)]
    assert any(what == "result" and now.startswith("unknown: ") for what, now in told)
    assert any(what == "decisions" and "leave by" in now for what, now in told)


def growing(request: Request) -> Reply:
    """Looks an order up, then talks a lot; sums up when it is asked to."""
    if ASKS in request.last_user_text:
        return say("They ask for ORD-1042 again and again.")
    if not request.turn_results:
        return calls(call("get_order_status", order_id="ORD-1042"))
    return say(f"{'It was delivered in March, with all its lamps. ' * 60}Turn over.")


async def test_a_long_conversation_is_compacted_again(world: World) -> None:
    world.config = Config(agents={"assistant": AgentSection(context_tokens=4_000)})
    stop = await world.start_bot()
    world.model.script = growing
    talk = await mention(world, "ann", "where is ORD-1042?")
    for turn in range(1, 5):
        await world.slack.until(lambda turn=turn: len(talk.posts()) == turn)
        await talk.rests()
        if turn < 4:
            await talk.says("ann", f"and now? ({turn})")
    await stop()
    [(compacted,)] = await world.rows("SELECT count(*) FROM step WHERE kind = 'compacted'")
    assert compacted > 0
    again = await replayed(world, talk)
    assert (differing(again), again.trouble) == ([], "")
    assert [len(side.happened.turns) for side in (again.then, again.now)] == [4, 4]
    summed_up = [
        sum(said.role == "summary" for turn in side.happened.turns for said in turn.said) for side in (again.then, again.now)
    ]
    assert summed_up == [compacted, compacted]


async def test_what_people_did_with_cards_is_done_again(world: World) -> None:
    """Two who have to approve, an edit, a card that nobody decided in time, one that was withdrawn, and Stop."""
    rules = [
        {"tool": "create_order", "when": "args.quantity == 2", "approvers": {"channel_members": True}, "quorum": 2},
        {"tool": "create_order", "when": "args.quantity == 5", "approvers": {"channel_members": True}, "expires": "2s"},
    ]
    world.config = config_with(world, rules)
    stop = await world.start_bot()
    script = (
        *(order(2), "Two are ordered."),
        *(order(3), "Four are ordered."),
        *(order(5), "Nobody approved it."),
        *(order(6), "Withdrawn.", "Nothing else."),
        order(7),
    )
    world.model.script = Lines(*script)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.clicks("ben", card)
    await talk.sees("1 of 2")
    await talk.clicks("cleo", card)
    await talk.sees("Two are ordered.")
    await talk.says("ann", "order three")
    await talk.edits("ben", await talk.card(), quantity="4")
    await talk.clicks("ann", await talk.sees("votes started anew"))
    await talk.sees("Four are ordered.")
    await talk.says("ann", "order five")
    await talk.sees("Nobody approved it.")
    await talk.says("ann", "order six")
    await talk.card()
    await talk.says("ann", "or nothing")
    notice = await talk.sees("[Withdraw and continue]")
    await talk.clicks("ann", notice, "withdraw")
    await talk.sees("Nothing else.")
    await talk.says("ann", "order seven")
    await talk.card()
    await world.slack.stop_session("ann", talk.channel, talk.ts)
    await talk.rests()
    await stop()
    world.model.script = Lines(*script)
    again = await replayed(world, talk)
    assert (differing(again), again.trouble) == ([], "")
    decided = [pair.now for pair in pairs(again.then, again.now) if pair.what == "decisions"]
    assert [words for words in ("edited", "expired", "withdrawn") if not any(words in each for each in decided)] == []


async def test_the_command_shows_both_on_a_terminal_as_a_page_and_as_json_and_says_in_a_sentence_why_not(
    world: World, tmp_path: Path
) -> None:
    await world.start_bot()
    script = (call("get_order_status", order_id="ORD-1042"), "Delivered to ada@example.com.")
    world.model.script = Lines(*script)
    talk = await mention(world, "ann", "where is ORD-1042?")
    await talk.sees("Delivered")
    await talk.rests()
    session = session_of(world, talk)
    environment = {
        "DATABASE_URL": world.database_url,
        "REDIS_URL": world.redis_url,
        "ANTHROPIC_API_KEY": world.model.api_key,
        "ANTHROPIC_BASE_URL": world.model.base_url,
    }

    async def command(*arguments: str, **other: str) -> tuple[int, str, str]:
        return await ran("replay", *arguments, folder=tmp_path, environment={**environment, **other})

    world.model.script = Lines(*script)
    status, printed, errors = await command(session)
    assert (status, errors) == (0, ""), printed
    assert f"assistant@2 ({IN_USE.digest})" in printed
    assert "Delivered to [EMAIL_1]." in printed
    assert printed.rstrip().endswith("No difference.")

    world.model.script = Lines("I do not know, <b>bob@example.com</b>.")
    status, printed, errors = await command(session, "--prompt", "assistant@1", "--json")
    told = json.loads(printed)
    assert (status, errors, told["now"]["prompt_hash"], told["then"]["prompt"]) == (1, "", BEFORE.digest, "assistant@2")
    assert [part["what"] for part in told["parts"] if part["differs"]] == ["call", "result", "answer"]
    assert "bob@example.com" not in printed

    world.model.script = Lines("I do not know, <b>bob@example.com</b>.")
    status, printed, errors = await command(session, "--html", "replay.html")
    page = (tmp_path / "replay.html").read_text()
    assert (status, printed) == (1, "The replay is in replay.html.\n"), errors
    assert "default-src 'none'" in page
    assert "&lt;b&gt;[EMAIL_2]&lt;/b&gt;" in page
    assert not any(word in page for word in ("ada@example.com", "<b>", "http://", "https://", "<script"))

    for arguments, other, sentence in (
        (["nothing"], {}, "No conversation is known by nothing: give a link to a message in it, its session or a trace.\n"),
        ([session, "--prompt", "assistant@99"], {}, "has no version 99; the versions are: 1, 2; name one with --prompt.\n"),
        ([session], {"ANTHROPIC_API_KEY": ""}, "ANTHROPIC_API_KEY is not set: make a key in the Anthropic Console"),
    ):
        status, printed, errors = await command(*arguments, **other)
        assert (status > 0, printed, errors.count("\n"), sentence in errors) == (True, "", 1, True), errors
    await world.rows(
        "UPDATE step SET body = jsonb_set(body::jsonb, '{kind}', '\"foretold\"')::json WHERE kind = 'asked' RETURNING seq"
    )
    status, printed, errors = await command(session)
    assert (status, printed) == (2, "")
    assert errors == f"1 steps of {session} are of another version of Signoff: replay it with that one.\n"


async def test_a_session_whose_prompt_is_another_text_here_is_not_replayed_as_if_it_were_the_same(world: World) -> None:
    await world.start_bot()
    world.model.script = Lines("Hello.", "Hello.")
    talk = await mention(world, "ann", "hello")
    await talk.sees("Hello.")
    await talk.rests()
    await world.rows("UPDATE pin SET body = jsonb_set(body::jsonb, '{prompt_digest}', '\"feed\"')::json RETURNING id")
    with pytest.raises(Refusal, match=rf"ran with assistant@2 \(feed\), and that is {IN_USE.digest} here: name the version"):
        await replayed(world, talk)
    again = await replayed(world, talk, prompt="assistant@2")
    assert differing(again) == []
