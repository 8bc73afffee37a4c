"""A server that does everything that servers do wrong, over stdio and over HTTP: calls end in words, and the bot goes on."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from agent.tool.definition import Effect, ToolContext, run
from tests.mcp.conftest import CONTEXT, HERE, Own, kept, until
from tools.mcp import Bridge, Local, Server, program
from tools.mcp import connection as connections


async def test_tools_are_listed_and_called(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        assert {"own__note", "own__look", "own__die"} <= set(world.tools())
        assert (await world.call("own__note", text="hello")).result == {"text": "done"}
        assert "note {'text': 'hello'}" in (await world.call("own__look")).result["text"]


async def test_what_is_not_stated_is_a_write_and_an_ignored_claim_too(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        tools = world.tools()
        assert [tools[name].effect for name in ("own__note", "own__look")] == [Effect.WRITE, Effect.READ]
    async with kept(own.server(trusted=False)) as world:
        assert {tool.effect for tool in world.tools().values()} == {Effect.WRITE}


async def test_broken_arguments_are_named_with_place_and_rule_and_never_reach_the_server(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        result = await world.call("own__note", text="", more=1)
        assert result.error == "invalid_input"
        assert "text: '' should be non-empty (rule: minLength)" in str(result.detail)
        assert "(rule: additionalProperties)" in str(result.detail)
    assert [line for line in own.lines() if line.startswith("note")] == []


async def test_names_that_the_api_refuses_are_mapped_both_ways(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        names = [name for name in world.tools() if "long" in name or "dots" in name]
        assert len(names) == 4
        for name in names:
            assert len(name) <= 64
            assert (await world.call(name)).ok
    called = {line.removesuffix(" {}") for line in own.lines() if "dots" in line or "long" in line}
    assert called == {"with.dots/and spaces", "with_dots_and_spaces", "long" * 40, "long" * 40 + "er"}


async def test_a_tool_that_cannot_be_offered_costs_nobody_the_others(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        [connection] = world.bridge.connections
        assert [why.partition(":")[0] for why in connection.offer.left_out] == [
            "its tool “broken” is left out",
            "its tool “note” is left out",
        ]
        assert world.tools()["own__note"].effect is Effect.WRITE  # the first of the two


async def test_an_error_that_the_tool_reports_is_told_as_the_servers_words(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        result = await world.call("own__fail")
    assert (result.ok, result.error, result.unclear) == (False, "unexpected", False)
    assert result.detail == "The MCP server own reports an error: I do not feel like it."


async def test_a_crash_in_mid_call_is_unclear_and_the_next_call_finds_it_running_again(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 30)  # on a busy machine a Python program takes its time
    own.start()
    async with kept(own.server()) as world:
        result = await world.call("own__die")
        assert (result.ok, result.error, result.unclear) == (False, "unexpected", True)
        assert "The MCP server own" in str(result.detail)
        own.start()
        assert (await world.call("own__look")).ok
    assert [line.split()[0] for line in own.lines()] == ["began", "die", "began", "look"]  # the call was not repeated


async def test_a_server_that_is_gone_is_a_structured_error_and_nothing_was_run(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.2)
    own.start()
    gone = Local(sys.executable, ("-c", "import sys; sys.exit('no licence')"))
    async with kept(own.server(), Server(name="gone", reach=gone)) as world:
        note = world.tools()["own__note"]
        own.end()
        if own.port:
            result = await world.call("own__note", text="hello")
            assert (result.error, result.unclear) == ("unexpected", False)
            assert "Nothing was run" in str(result.detail)
        assert "own__note" in world.tools()  # a server that is down keeps its tools
        assert note.effect is Effect.WRITE
        other = world.bridge.connections[1]
        assert other.trouble == "Connection closed; its last words were “no licence”"


async def test_a_call_that_hangs_is_a_timeout_and_is_cancelled_at_the_server(own: Own) -> None:
    own.start()
    async with kept(own.server(call_seconds=0.5)) as world:
        assert world.tools()["own__hang"].time_limit_seconds == 0.5
        result = await world.call("own__hang")
        assert (result.error, result.unclear) == ("timeout", True)
        await until(lambda: "hang was cancelled" in own.lines())
        assert (await world.call("own__look")).ok  # the connection stands


async def test_cancelling_the_task_of_a_call_cancels_the_request(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        hang = world.tools()["own__hang"]
        task = asyncio.create_task(run(hang, hang.arguments.model_validate({}), CONTEXT))
        await until(lambda: "hang {}" in own.lines())
        task.cancel()
        await until(lambda: "hang was cancelled" in own.lines())
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_its_progress_is_told_in_its_words_and_without_secrets(own: Own) -> None:
    own.start()
    said: list[str] = []
    context = ToolContext("T1:C1:1.0", "U1", "key", progress=said.append)
    async with kept(own.server(secrets=("nothing",))) as world:
        step = world.tools()["own__step"]
        assert (await run(step, step.arguments.model_validate({}), context)).ok
    assert said == [f"{number} of 3, [hidden] <!channel>" for number in (1, 2, 3)]


async def test_five_megabytes_arrive_whole(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        assert len((await world.call("own__big")).result["text"]) == 5_000_000


async def test_two_hundred_tools_in_pages(own: Own) -> None:
    own.start("many")
    async with kept(own.server("many")) as world:
        assert len(world.tools()) == 200
        assert (await world.call("own__tool199", text="x")).ok


async def test_a_changed_list_is_picked_up_and_old_tools_can_still_be_called(own: Own) -> None:
    own.start()
    async with kept(own.server()) as world:
        before, version = world.tools(), world.bridge.version
        await world.call("own__grow")
        await until(lambda: "own__grown" in world.tools())
        assert world.bridge.version == version + 1
        assert before["own__note"].schema() != world.tools()["own__note"].schema()
        refused = await world.call("own__note", text="hello")
        assert "tags: is required (rule: required)" in str(refused.detail)
        assert (await run(before["own__look"], before["own__look"].arguments.model_validate({}), CONTEXT)).ok


async def test_a_server_that_comes_late_appears(own: Own, tmp_path: Path) -> None:
    program = tmp_path / "program"
    server = own.server() if own.port else Server(name="own", reach=Local(str(program)))
    async with kept(server) as world:
        assert world.tools() == {}
        assert world.bridge.connections[0].trouble != ""
        program.write_text(f"#!/bin/sh\nexec {sys.executable} {HERE / 'own_server.py'} {own.ledger}\n")
        program.chmod(0o755)
        own.start()
        await until(lambda: "own__look" in world.tools())
        assert (await world.call("own__look")).ok


# ---------------------------------------------------------------------------------------------- programs


async def test_a_program_gets_only_what_was_named_for_it(local: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    async with kept(local.server(environment={"NAMED": "yes"})) as world:
        names = set((await world.call("own__variables")).result["text"].split())
    assert "NAMED" in names
    assert names <= {"NAMED", "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"}


async def test_a_program_that_writes_a_line_without_end_is_given_up(local: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_BYTES", 1_000_000)
    async with kept(local.server()) as world:
        result = await world.call("own__big")
        assert (result.ok, result.error, result.unclear) == (False, "unexpected", True)
        [connection] = world.bridge.connections
        await until(lambda: connection.trouble == "it sent a message of more than 1,000,000 bytes" or not connection.trouble)
        await until(lambda: [line.split()[0] for line in local.lines()].count("began") == 2)  # it is started again
        assert (await world.call("own__look")).ok


async def test_a_secret_that_the_server_says_is_hidden(local: Own) -> None:
    server = local.server(environment={"TOKEN": "hunter2-hunter2"}, secrets=("hunter2-hunter2",))
    async with kept(server) as world:
        result = await world.call("own__tell", name="TOKEN")
    assert result.result == {"structured": {"told": ["[hidden]"]}}
    assert "hunter2" not in repr(server)


async def test_the_end_ends_the_programs_also_one_that_does_not_listen(local: Own, tmp_path: Path) -> None:
    deaf = tmp_path / "pid"
    code = (
        f"import os, signal, time; open({str(deaf)!r}, 'w').write(str(os.getpid())); "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(999)"
    )
    servers = [local.server(), Server(name="deaf", reach=Local(sys.executable, ("-c", code)))]
    async with Bridge(servers, start_seconds=5) as bridge:
        assert bridge.connections[0].trouble == ""
        await until(lambda: deaf.exists() and deaf.read_text())
    pids = [int(deaf.read_text()), *(int(line.split()[1]) for line in local.lines() if line.startswith("began"))]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_server_of_the_2025_protocol_is_listed_cancelled_and_heard(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plain = Server(name="plain", reach=Local(sys.executable, (str(HERE / "plain_server.py"), str(ledger))), call_seconds=0.5)
    async with kept(plain) as world:
        assert set(world.tools()) == {"plain__wait", "plain__change"}
        assert (await world.call("plain__wait")).error == "timeout"
        await until(lambda: "cancelled" in ledger.read_text())
        waited, cancelled = ledger.read_text().splitlines()
        assert waited.split()[1] == cancelled.split()[1]
        assert (await world.call("plain__change")).ok
        await until(lambda: "plain__changed" in world.tools())
