"""`signoff eval` as a command: exit statuses, what it refuses, and that what is finished is not played again once killed."""

import asyncio
import json
import re
import signal
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.eval.kept import Kept, Run
from bot.sandbox.model import Call, Reply, Request, ScriptedModel, call, say
from tests.dialog.eval_set import LAMP_CASE, LAMPS, write_set
from tests.mcp.conftest import until
from tests.patience import PATIENCE_SECONDS
from tests.signoff import ran, signoff

KEY = "sk-ant-" + "of-a-team"
JUDGED = "The judge agrees with people in 100% of 2 labelled cases (kappa 1.00).\n  reaching-out: It names no room.\n"
# What the environment knows of other places.
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://team@127.0.0.1:1/team",
    "SLACK_BOT_TOKEN": "xoxb-" + "of-a-team",
    "ANTHROPIC_API_KEY": KEY,
    "SHOP_PASSWORD": "of-a-team",
}


def answer(request: Request) -> Reply | Call:
    """A model that judges, and that reaches out once where it is asked to."""
    if not request.first_user_text.startswith("Rubric:"):
        return say("It cannot be reached.") if request.results else call("reach_out", to="shop")
    passes = "kitchen" in request.first_user_text.partition("Conversation:")[2]
    return say(json.dumps({"why": "The room is named." if passes else "It names no room.", "passes": passes}))


async def ended(*arguments: str, folder: Path, model_url: str = "http://127.0.0.1:1") -> tuple[int | None, str, str]:
    """Return exit status, output and errors of `signoff eval` as a process."""
    environment = {**ENVIRONMENT, "ANTHROPIC_BASE_URL": model_url}
    async with signoff("eval", *arguments, folder=folder, environment=environment) as process:
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def kept_in(out: Path, played: str = "recorded") -> Kept:
    """The newest file of results of runs that were played so; one that is not there where there is none."""
    files = sorted(out.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    found = [kept for kept in map(Kept, files) if (about := kept.about()) is not None and about.played == played]
    return found[-1] if found else Kept(out / "none")


async def ended_by(end: signal.Signals, process: Process, out: Path, finished: int) -> bytes:
    """Send a signal once so many repeats are finished, wait until all processes are gone, and return the file."""
    await until(lambda: len(kept_in(out).finished()) == finished)
    others = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(end)
    await process.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, others, PATIENCE_SECONDS)
    assert (len(gone), alive) == (len(others), [])
    return kept_in(out).path.read_bytes()


async def test_a_set_is_recorded_replayed_killed_and_goes_on_and_fails_when_a_tool_is_another(tmp_path: Path) -> None:
    folder, out = write_set(tmp_path / "set"), tmp_path / "out"
    (folder / "labels.yaml").write_text("lamp-ordered: true\nreaching-out: false\n")
    judge = ("--judge", "claude-haiku-4-5")

    async with ScriptedModel(answer) as model:
        model.api_key = KEY
        record = (str(folder), "--record", *judge, "--out", str(out))
        status, printed, errors = await ended(*record, folder=tmp_path, model_url=model.base_url)
        assert (status, printed.splitlines()[-1]) == (0, "All thresholds are reached."), printed + errors
        assert printed.startswith(
            "lamps: 2 cases, 2 repeats in all, of assistant@2 with claude-sonnet-5-5, played with the lines"
        )
        assert JUDGED in printed
        live = (str(folder), "--live", "--model", "claude-sonnet-5-5", "--only", "safety", "--out", str(out))
        status, printed, errors = await ended(*live, folder=tmp_path, model_url=model.base_url)
        assert (status, model.refusals) == (0, []), printed + errors
        assert "1 case, 1 repeat in all, of assistant@2 with claude-sonnet-5-5, played by the model." in printed
    recordings = {path.name: path.read_text() for path in (folder / "recorded").iterdir()}
    names = ("lamp-ordered", "reaching-out")
    assert recordings.keys() == {f"{name}{of}.json" for name in names for of in ("", ".judged")}
    assert not any(value in text for text in recordings.values() for value in ENVIRONMENT.values())
    refused = "NotFromHereError"
    for how in ("lines", "model"):
        [reached] = [one for one in kept_in(out, how).finished() if one.case == "reaching-out"]
        told = json.loads(reached.played.calls[0].detail)["result"]
        assert told == {"address": refused, "name": refused, "program": refused, "environment": "empty"}

    replay = (str(folder), "--repeats", "4", "--at-once", "1", "--out", str(out))
    kept = [b""]
    for end, finished in ((signal.SIGKILL, 3), (signal.SIGINT, 5)):
        (folder / "calls").unlink(missing_ok=True)
        (folder / "last").write_text("2")  # so the second call of the start does not return
        async with signoff("eval", *replay, folder=tmp_path, environment=ENVIRONMENT) as process:
            kept.append(await ended_by(end, process, out, finished))
            assert kept[-1].startswith(kept[-2])
            if end == signal.SIGINT:
                sentence = f"Stopped with 5 finished, in {kept_in(out).path}: start it again and it goes on from there.\n"
                assert process.stderr is not None
                told = (await process.stderr.read()).decode()
                assert (process.returncode, told.endswith(sentence)) == (130, True), told
    (folder / "last").unlink()
    status, printed, errors = await ended(*replay, *judge, "--against", str(kept_in(out, "lines").path), folder=tmp_path)
    assert status == 0, printed + errors
    assert JUDGED in printed
    assert kept_in(out).path.read_bytes().startswith(kept[-1])
    played = Counter((one.case, one.repeat) for one in kept_in(out).finished())
    assert played == {(case, repeat): 1 for case in ("lamp-ordered", "reaching-out") for repeat in range(4)}
    assert "No more than noise: task completion is 100.0%, before 100.0%, over 2 cases." in printed

    (folder / "lamps.py").write_text(LAMPS.replace("Find a lamp by its name.", "Find a lamp."))
    status, printed, errors = await ended(str(folder), "--only", "lamp", "--json", "--out", str(out), folder=tmp_path)
    assert status == 1, printed + errors
    report: dict[str, Any] = json.loads(printed)
    results = report["results"]
    assert results["not_as_recorded"] == ["lamp-ordered"]
    assert "the model was asked as recorded: request 1: its tools are others" in results["failing"][0]["wrong"]
    about = Run.model_validate(report["run"])
    assert json.loads((out / f"{about.stem}.json").read_text()) == report
    page = (out / f"{about.stem}.html").read_text()
    assert "lamp-ordered failed in 1 of 1" in page
    assert "Where is the lamp Luna?" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is no golden set: it has no set.yaml."),
        (
            ["set"],
            "There is no recording of what the model answered for lamp-ordered and 1 more: make it with --record, or play with "
            "--live.",
        ),
        (
            ["set", "--only", "reaching"],
            "There is no recording of what the model answered for reaching-out: make it with --record, or play with --live.",
        ),
        (
            ["set", "--record", "--model", "claude-opus-5"],
            "ANTHROPIC_API_KEY is not set: make a key in the Anthropic Console, or replay what is recorded.",
        ),
        (
            ["set", "--live", "--judge", "claude-opus-5"],
            "ANTHROPIC_API_KEY is not set: make a key in the Anthropic Console, or replay what is recorded.",
        ),
        (["set", "--record", "--live"], "Name one of the two: --record writes down what the model answers, --live does not."),
        (
            ["set", "--only", "sofa"],
            "The set has no case for 'sofa': name a part of a case's name, or what it is about.",
        ),
        (["set", "--prompt", "assistant@99"], "assistant@99: prompt 'assistant' has no version 99; the versions are: 1, 2."),
        (
            ["set", "--prompt", "learning@1"],
            "The set is about the prompt assistant: name a version of that, such as assistant@1.",
        ),
        (
            ["set", "--live", "--against", "before.jsonl"],
            "before.jsonl holds no results: name a file that an earlier `signoff eval` wrote, which ends in .jsonl.",
        ),
        (
            ["set", "--live", "--out", "set/set.yaml"],
            "set/set.yaml/STEM.jsonl cannot be written (File exists): name another folder with --out.",
        ),
        (["bad"], "bad/cases.yaml, case lamp-ordered: aboot: Extra inputs are not permitted."),
        (
            ["labelled", "--live"],
            "labelled/labels.yaml has a label for lamp, and the set has no such case: mend its name, or leave it out.",
        ),
    ],
)
async def test_what_has_to_be_mended_is_one_sentence_and_exit_status_2(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    write_set(tmp_path / "set")
    write_set(tmp_path / "bad", {**LAMP_CASE, "aboot": ["order"]})
    (write_set(tmp_path / "labelled") / "labels.yaml").write_text("lamp: true\n")
    status, printed, errors = await ran("eval", *arguments, folder=tmp_path, environment={})
    assert (status, printed, re.sub(r"lamps-\w{8}", "STEM", errors)) == (2, "", f"{sentence}\n")
    assert not (tmp_path / ".signoff").exists()
