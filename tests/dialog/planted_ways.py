"""Conversations in which personal data and secrets come in by every way, different ones by each (`planted_data`)."""

from typing import Any, cast

from bot.sandbox.model import Lines, Reply, call, calls
from bot.sandbox.model.reply import Text, Thinking
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.planted_data import planted, told
from tests.dialog.test_wrong_answers import calls_wrong
from tests.stores.core import until

HALVES = (tuple(planted(""))[::2], tuple(planted(""))[1::2])  # of the kinds: a fact has at most 500 characters


async def talks(world: World) -> list[Talk]:
    """Conversations in which something is planted by every way."""
    return [await each(world) for each in (work, of_a_server, forwarded, remembered, *TROUBLE)]


async def work(world: World) -> Talk:
    """A message with a file, calls of every tool, a card that is rejected and one that is edited and approved."""
    file = planted("file name")
    looks = (
        call("look_up", text=told("argument")),
        call("refuse", text="x"),
        call("burst", text="x"),
        call("reports__query", sql="SELECT told FROM secrets"),
        call("reports__query", sql=f"SELECT '{told('sql error')}'::int"),
        call(planted("tool name")["aws"], text="x"),
    )
    world.model.script = Lines(
        Reply((Thinking(told("thinking")), Text(told("words")), *looks)),
        calls(call("send", text=told("card"), to={planted("key")["email"]: "x"}), text=told("words on a card")),
        call("send", text=told("to be edited")),
        told("answer"),
        "Nothing more.",
    )
    place = world.slack.channels["orders"]
    name = f"{file['email']} {file['card']} {file['github']}.txt"
    ts = await world.slack.mention("ann", place, told("message"), files=[(name, told("file").encode())])
    talk = Talk(world, place, ts)
    await talk.rejects("ben", await talk.card(), reason=told("reason"))
    await talk.sees("Rejected")
    card = await talk.card()
    assert (await talk.edits("ben", card, text=told("edit"))).closed
    anew = await world.slack.until(lambda: next((each for each in talk.open_cards() if each.ts != card.ts), None))
    await talk.approves_whole("ann", anew)
    await talk.sees(planted("answer")["email"])
    await talk.says("ann", "and now?")
    await talk.sees("Nothing more.")
    await talk.rests()
    await calls_wrong(talk, "ben", "Nothing more.", wrong=told("wrong"), instead=told("instead"))
    return talk


async def of_a_server(world: World) -> Talk:
    """What an MCP server answers, and the error in which it repeats what it was sent."""
    world.model.script = Lines(calls(call("own__look"), call("own__tell", name=told("mcp error"))), "Looked.")
    talk = await mention(world, "ann", "look", "general")
    await talk.sees("Looked.")
    return talk


async def forwarded(world: World) -> Talk:
    """What somebody wrote elsewhere, forwarded into a channel."""
    world.model.script = Lines("Read.")
    said = await world.slack.say("ben", "support", told("quote"))
    place = world.slack.channels["orders"]
    ts = await world.slack.forward("ann", ("support", said), place, f"<@{world.slack.bot_user_id}> see")
    talk = Talk(world, place, ts)
    await talk.sees("Read.")
    return talk


async def remembered(world: World) -> Talk:
    """A fact and a value, and a later conversation that is told them."""
    keep = call("set_memory", owner="user", kind="preference", key="signature", value=told("value"))
    facts = [told("fact", *kinds) for kinds in HALVES]
    remember = [call("remember_fact", fact=fact, quote=fact) for fact in facts]
    world.model.script = Lines(calls(keep, *remember), "Kept.")
    talk = await mention(world, "ann", f"remember {' and '.join(facts)}")
    await talk.sees("Kept.")
    world.model.script = Lines("I know.")
    later = await mention(world, "ann", f"what do you know of {planted('fact')['email']}?")
    await later.sees("I know.")
    return talk


async def model_refuses(world: World) -> Talk:
    """An error of the model's API that quotes what it was sent."""
    world.model.script = Lines("Not said.")
    world.model.faults.not_taken(f"metadata.user_id: {told('model error')}")
    talk = await mention(world, "ann", "a")
    await talk.sees("The model refused the request")
    return talk


async def gateway_fails(world: World) -> Talk:
    """A gateway whose error is of a kind that only it knows."""
    world.model.script = Lines("Not said.")
    world.model.faults.error_in_stream(type=told("model error type"))
    talk = await mention(world, "ann", "b")
    await talk.sees("The model")
    return talk


async def slack_refuses(world: World) -> Talk:
    """A gateway before Slack that says more than a code: the answer can be posted nowhere."""
    ops = world.slack.workspace.messages[world.config.ops_channel]
    await world.slack.until(lambda: any("The audit log has" in message.seen_text for message in ops.values()))
    world.model.script = Lines(told("unfit"))  # only now: a head that is refused is posted much later
    world.slack.faults.error("chat.postMessage", told("slack error"), times=100)
    talk = await mention(world, "ann", "c")

    async def given_up() -> bool:
        return bool(await world.rows("SELECT FROM step WHERE kind = 'posted' AND body ->> 'error' <> ''"))

    await until(given_up)
    await talk.rests()
    world.slack.faults.clear()
    return talk


async def ends_oddly(world: World) -> Talk:
    """A reply that ends for a reason that is none."""
    world.model.script = Lines(Reply((Text("Well."),), cast(Any, told("stop reason"))))
    talk = await mention(world, "ann", "d")
    await talk.sees("not")
    return talk


TROUBLE = (model_refuses, gateway_fails, ends_oddly, slack_refuses)
INTO_THE_MODEL = (
    *("message", "file", "thinking", "words", "words on a card", "argument", "result", "tool error", "mcp result", "mcp error"),
    *("sql result", "sql error", "card", "reason", "to be edited", "edit", "receipt", "answer", "quote", "value", "fact"),
)
ELSEWHERE = (
    *("file name", "tool name", "key", "progress", "exception", "crash", "model error", "model error type", "stop reason"),
    *("slack error", "unfit", "wrong", "instead"),
)
TO_PEOPLE = ("answer", "unfit")  # the model's own words, which people read as they are
