"""`signoff eval`: a set played, counted, compared and written down. What is finished stays so, whatever ends the command."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.store.eval_runs import EvalRun, EvalRuns
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings, read_settings
from bot.eval.against import Against, compared
from bot.eval.cases import Case, GoldenSet
from bot.eval.figures import SHARES, Results, quality_of, results_of
from bot.eval.gateway import gateway
from bot.eval.golden_files import read_labels, read_set
from bot.eval.happened import Happened
from bot.eval.judge_model import PROMPT, Judge, Opinion, opinions
from bot.eval.kept import Finished, Kept, Run, add_line, read_lines
from bot.eval.page import sections
from bot.eval.playing import Model
from bot.eval.recordings import Recording, path_of, read_recording, write_recording
from bot.eval.running import run as play_set
from bot.eval.subject import run_of, with_version
from bot.eval.tape import Tape
from bot.eval.tau import read_tau
from bot.eval.wording import heading, lines
from bot.refusing import console
from bot.report.page import page
from bot.stores.database import connected_pool

ANTHROPIC = "https://api.anthropic.com"
JUDGED = ".judged"  # ends the name of the recording of a judge's answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line.

    Wide because each field is an option.
    """

    folder: Path
    prompt: str | None = None
    model: str | None = None
    repeats: int = 1
    at_once: int = 2
    only: str = ""
    out: Path | None = None
    against: Path | None = None
    judge: str | None = None
    record: bool = False
    live: bool = False
    fresh: bool = False
    as_json: bool = False
    adapter: str = ""
    register: bool = False


class Report(Happened):
    """What is written as JSON."""

    run: Run
    results: Results
    against: Sequence[Against] = ()


def evaluate(wanted: Wanted) -> bool:
    """Play a set as asked for, and write and print what it came to. Returns whether it is good enough. Raises Refusal."""
    settings = read_settings()
    if wanted.record and wanted.live:
        raise Refusal("Name one of the two: --record writes down what the model answers, --live does not.")
    golden_set = read_tau(wanted.folder) if wanted.adapter == "tau" else read_set(wanted.folder)
    whole, version = with_version(golden_set, wanted.prompt, wanted.model)
    golden = whole.model_copy(update={"cases": _chosen(whole, wanted.only)})
    played: Literal["recorded", "lines", "model"] = (
        "recorded" if not (wanted.record or wanted.live) else "model" if wanted.model else "lines"
    )
    recordings: Mapping[str, Recording] = _recordings(wanted.folder, golden.cases) if played == "recorded" else {}
    if wanted.judge and played == "recorded":
        _recordings(wanted.folder, golden.cases, JUDGED)
    key = _key(settings) if played == "model" or (wanted.judge and played != "recorded") else ""
    before = _earlier(wanted.against) if wanted.against is not None else None
    labels = read_labels(wanted.folder, whole)
    run = run_of(whole, version, played, wanted.folder)
    kept = Kept.of(wanted.out or settings.signoff_home / "eval", run, fresh=wanted.fresh)
    if wanted.record and not all(path_of(wanted.folder, one.case).exists() for one in kept.finished()):
        kept = Kept.of(kept.path.parent, run, fresh=True)  # somebody has removed recordings
    with _ending(kept), kept.held(), _way_out(settings, key) as upstream:
        model_of = partial(_model_of, recordings=recordings, upstream=upstream if played == "model" else "")
        finished = _played(golden, model_of, kept, wanted)
        results = results_of(golden, finished, [name for name, one in recordings.items() if one.passed])
        if wanted.judge:
            judge = _judge(wanted.judge, wanted.folder, recorded=played == "recorded", upstream=upstream)
            said = _judged(judge, golden, finished, kept, wanted)
            if said:
                results = results.model_copy(update={"quality": quality_of(said, labels)})
    against = _compared(before, finished) if before is not None else ()
    _write(kept.path, Report(run=run, results=results, against=against), finished)
    if wanted.register:
        if wanted.only:
            raise Refusal("Only a whole set says something of a version: leave out --only, or --register.")
        asyncio.run(_registered(settings, run, results))
    if wanted.as_json:
        typer.echo(Report(run=run, results=results, against=against).model_dump_json(indent=1))
    else:
        typer.echo("\n".join(lines(run, results, against)))
        typer.echo(f"The results are in {kept.path}, with a page beside it: {kept.path.with_suffix('.html').name}.", err=True)
    return results.reached


def _chosen(golden: GoldenSet, words: str) -> Sequence[Case]:
    """Return the cases whose names hold one of the words, or that are about it; all without words. Raises Refusal."""
    wanted = words.replace(",", " ").split()
    chosen = [case for case in golden.cases if not wanted or any(word in case.case or word in case.about for word in wanted)]
    if not chosen:
        raise Refusal(
            f"The set has no case for {words!r}: name a part of a case's name, or what it is about." if wanted else EMPTY
        )
    return chosen


EMPTY = "The set has no cases: write some beside its set.yaml."


def _key(settings: Settings) -> str:
    if settings.anthropic_api_key is None:
        raise Refusal("ANTHROPIC_API_KEY is not set: make a key in the Anthropic Console, or replay what is recorded.")
    return settings.anthropic_api_key.get_secret_value()


# ---------------------------------------------------------------------------------------------- playing


def _recordings(folder: Path, cases: Sequence[Case], of: str = "") -> Mapping[str, Recording]:
    """Return the recording of each case. Raises Refusal where one is missing."""
    found = {case.case: read_recording(folder, case.case + of) for case in cases}
    if missing := [name for name, recording in found.items() if recording is None]:
        answers = "of what a judge said" if of else "of what the model answered"
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Refusal(f"There is no recording {answers} for {missing[0]}{more}: make it with --record, or play with --live.")
    return {name: recording for name, recording in found.items() if recording is not None}


def _model_of(case: Case, recordings: Mapping[str, Recording], upstream: str) -> Model:
    if case.case in recordings:
        return Model(tape=recordings[case.case].tape)
    return Model(upstream=upstream)


@contextmanager
def _way_out(settings: Settings, key: str) -> Generator[str]:
    """Yield the address at which the model is asked; empty where it is not."""
    address = str(settings.anthropic_base_url or ANTHROPIC)
    with gateway(address, key) if key else nullcontext("") as upstream:
        yield upstream


@contextmanager
def _ending(kept: Kept) -> Generator[None]:
    """Have Ctrl-C and SIGTERM end the block with a sentence. Raises Refusal for that."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        count = len(kept.finished())
        words = f"Stopped with {count} finished, in {kept.path}: start it again and it goes on from there."
        raise Refusal(words, status=ExitStatus.STOPPED) from None


def _played(golden: GoldenSet, model_of: Callable[[Case], Model], kept: Kept, wanted: Wanted) -> Sequence[Finished]:
    """Play what is not finished yet, with a bar that shows how far it is."""
    names = {case.case for case in golden.cases}
    there = [one for one in kept.finished() if one.case in names and one.repeat < wanted.repeats]
    if there:
        console.print(f"{len(there)} of {len(names) * wanted.repeats} are finished already (--fresh plays them again).")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, ${task.fields[usd]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        usd, failed = sum(one.played.figures.usd for one in there), sum(not one.judged.passed for one in there)
        bar = progress.add_task(golden.name, total=len(names) * wanted.repeats, completed=len(there), usd=usd, failed=failed)

        def heard(one: Finished, tape: Tape) -> None:
            nonlocal usd, failed
            usd, failed = usd + one.played.figures.usd, failed + (not one.judged.passed)
            if wanted.record and one.repeat == 0:
                write_recording(wanted.folder, one.case, Recording(passed=one.judged.passed, tape=tape))
            progress.update(bar, advance=1, usd=usd, failed=failed)

        return play_set(golden, model_of, kept, repeats=wanted.repeats, at_once=wanted.at_once, heard=heard)


# ---------------------------------------------------------------------------------------------- judging


def _judge(model: str, folder: Path, *, recorded: bool, upstream: str) -> Judge:
    def tape_of(case: str) -> Tape:
        recording = read_recording(folder, case + JUDGED)
        return recording.tape if recording is not None else Tape()

    return Judge(model, tape_of=tape_of) if recorded else Judge(model, upstream=upstream)


def _judged(
    judge: Judge, golden: GoldenSet, finished: Sequence[Finished], kept: Kept, wanted: Wanted
) -> Mapping[str, Sequence[tuple[bool, str]]]:
    """Return what the judge says of each repeat, by case. What it said before is kept beside the results."""
    path = kept.path.with_suffix(f".{judge.model}-{PROMPT.digest}{JUDGED}")
    if wanted.fresh or judge.tape_of is not None:
        path.unlink(missing_ok=True)
    there = {(one.case, one.repeat): one for one in read_lines(path, Opinion)}

    def heard(one: Opinion, tape: Tape) -> None:
        if one.trouble:
            console.print(f"{one.case} is not judged: {one.trouble}", style="yellow", soft_wrap=True, markup=False)
            return
        if wanted.record and one.repeat == 0:
            write_recording(wanted.folder, one.case + JUDGED, Recording(passed=one.passes, tape=tape))
        add_line(path, one)
        there[one.case, one.repeat] = one

    left = [one for one in finished if (one.case, one.repeat) not in there]
    asyncio.run(opinions(judge, {case.case: case for case in golden.cases}, left, heard))
    said: dict[str, list[tuple[bool, str]]] = {}
    for one in finished:
        if (found := there.get((one.case, one.repeat))) is not None:
            said.setdefault(one.case, []).append((found.passes, found.why))
    return said


# ---------------------------------------------------------------------------------------------- the end


async def _registered(settings: Settings, run: Run, results: Results) -> None:
    """Keep the result in the store, where a promotion looks for it. Raises Refusal."""
    figures = {figure.key: round(figure.value, 4) for figure in results.figures if figure.key in SHARES}
    async with connected_pool(settings) as pool:
        golden = f"{run.golden}, {run.played}"
        of = EvalRun(run.tested, run.prompt, run.model, golden, results.reached, figures, at=datetime.now(UTC))
        await EvalRuns(pool).add(of, run.prompt_digest)


def _earlier(path: Path) -> Sequence[Finished]:
    """Return the results of an earlier run. Raises Refusal."""
    found = Kept(path).finished()
    if not found:
        raise Refusal(f"{path} holds no results: name a file that an earlier `signoff eval` wrote, which ends in .jsonl.")
    return found


def _compared(before: Sequence[Finished], now: Sequence[Finished]) -> Sequence[Against]:
    try:
        return compared(before, now)
    except ValueError as error:
        raise Refusal(str(error)) from None


def _write(results: Path, report: Report, finished: Sequence[Finished]) -> None:
    """Write the JSON and the page beside the file of the results."""
    results.with_suffix(".json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    told = sections(report.results, finished, report.against)
    results.with_suffix(".html").write_text(
        page(heading(report.run, report.results), told, title="Signoff eval"), encoding="utf-8"
    )
