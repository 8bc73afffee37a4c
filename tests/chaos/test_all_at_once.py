"""All of it at once: two processes that are killed, deliveries as Connect and Grid name them, posts that Slack refuses, sessions
of an MCP server that expire, schemas that cannot be meant, replies that are broken. Nothing happens twice, nothing is lost in
silence, and the fate of every write is told truly, as ledgers outside have it.

CHAOS_MINUTES is how long (30), CHAOS_SEED what decides, as far as the machine lets it: processes run at their own pace.
"""

import os
import secrets
from random import Random

import pytest

from tests.chaos.all_at_once import REST_SECONDS, played
from tests.chaos.conftest import NewStage

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))


@pytest.mark.chaos
@pytest.mark.timeout(MINUTES * 60 + 2 * REST_SECONDS)
async def test_with_all_of_it_at_once_every_fate_is_told_truly(new_stage: NewStage, capsys: pytest.CaptureFixture[str]) -> None:
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    with capsys.disabled():
        print(f"\nall at once: CHAOS_SEED={seed}, {MINUTES:g} minutes")
    async with new_stage() as stage:
        findings, figures = await played(stage, Random(seed), MINUTES * 60)
        with capsys.disabled():
            print(figures)
        assert not findings, f"{len(findings)} with CHAOS_SEED={seed}:\n" + "\n".join(dict.fromkeys(findings))
