"""Masking in bounded processes: what comes back is masked or withheld, never the text itself."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.bounded import Limits, Processes
from agent.masking import NOTHING_SEEN, WITHHELD, Masker, TeamPattern, WantedMasks, mask
from agent.masking.finders import patterns
from agent.masking.masker import MEMORY_BYTES, MOST_CALLS
from agent.masking.names import names_installed
from agent.masking.worker import mask_there
from tests.dialog.measured import Measured, measured
from tests.masking import failing
from tests.patience import PATIENCE_SECONDS

__all__ = ["measured"]  # a fixture

TEXT = "ann@example.com owes 4111 1111 1111 1111"
PATIENT = Limits(seconds=PATIENCE_SECONDS)


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    made = Processes(1, MEMORY_BYTES, MOST_CALLS)
    yield made
    made.end()


async def test_a_process_masks_as_the_pure_part_does_and_goes_on_with_what_was_seen(processes: Processes) -> None:
    masker = Masker(WantedMasks(), limits=PATIENT, processes=processes)
    first = await masker.mask({"note": TEXT, "n": 1})
    assert first.value == {"note": "[EMAIL_1] owes [CARD_1]", "n": 1}
    assert first.seen == mask(TEXT, NOTHING_SEEN, patterns(WantedMasks())).seen
    later = await masker.mask(["ben@example.com", "ANN@example.com"], first.seen)
    assert later.value == ["[EMAIL_2]", "[EMAIL_1]"]
    assert len(processes.pids()) == 1


@pytest.mark.parametrize("work", [failing.raises, failing.hangs, failing.swells])
async def test_where_masking_fails_or_overruns_the_text_is_withheld(
    processes: Processes, work: Callable[[bytes, str], dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    masker = Masker(WantedMasks(), limits=Limits(seconds=1.0), processes=processes, work=work)
    with caplog.at_level(logging.DEBUG):
        masked = await masker.mask(TEXT)
    assert (masked.value, masked.seen) == (WITHHELD, NOTHING_SEEN)
    assert "withheld" in caplog.text
    assert not any(each in caplog.text for each in ("ann@", "4111"))


async def test_a_process_that_is_killed_takes_one_text_with_it_and_no_more(processes: Processes) -> None:
    hanging = asyncio.create_task(Masker(WantedMasks(), limits=PATIENT, processes=processes, work=failing.hangs).mask(TEXT))
    while not processes.pids():  # noqa: ASYNC110  # no event says that it has begun
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(Masker(WantedMasks(), limits=PATIENT, processes=processes).mask(TEXT))
    await asyncio.sleep(0.05)
    assert not waiting.done()  # there is one process: the next one waits for its turn
    for pid in processes.pids():
        os.kill(pid, signal.SIGKILL)
    assert (await hanging).value == WITHHELD
    assert (await waiting).value == "[EMAIL_1] owes [CARD_1]"


async def test_what_json_cannot_say_is_withheld_and_counted(processes: Processes, measured: Measured) -> None:
    masker = Masker(WantedMasks(), limits=PATIENT, processes=processes)
    assert (await masker.mask({"note": {TEXT}})).value == WITHHELD
    await masker.mask(TEXT)
    counted = {outcome: measured.sum("signoff.masking.texts", signoff_outcome=outcome) for outcome in ("masked", "withheld")}
    assert counted == {"masked": 1, "withheld": 1}


async def test_what_is_withheld_stays_as_it_is(processes: Processes) -> None:
    assert (await Masker(WantedMasks(), limits=PATIENT, processes=processes).mask(WITHHELD)).value == WITHHELD


@pytest.mark.skipif(not names_installed(), reason="signoff[names] is not installed")
async def test_names_are_masked_with_the_extra_within_a_bounded_process(processes: Processes) -> None:
    masker = Masker(WantedMasks(names=("persons", "places")), limits=PATIENT, processes=processes)
    masked = await masker.mask("Angela Merkel wrote from Berlin to ann@example.com. [PERSON_7] did not.")
    assert masked.value == "[PERSON_1] wrote from [PLACE_1] to [EMAIL_1]. [PERSON_7] did not."


def test_the_process_is_told_everything_that_is_wanted() -> None:
    wanted = WantedMasks(("de", "it"), (TeamPattern("EMPLOYEE", "EMP-[0-9]+"),), ("groups",))
    assert WantedMasks.from_json(wanted.to_json()) == wanted
    told = replace(wanted, names=()).to_json()
    assert mask_there(b'{"value": "65929970489 EMP-1", "seen": []}', told)["value"] == "[DE_TAX_ID_1] [EMPLOYEE_1]"
