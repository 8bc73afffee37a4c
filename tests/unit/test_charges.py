"""What a model call is charged, whichever step ends it."""

import pytest

from agent.model.spending import Bill, Price
from agent.session.charges import EndsCall, charge, charged_tokens
from agent.session.machine import fold
from agent.session.state import Session
from agent.session.steps import Asked, Compacted, Halted, ModelFailed, ModelReplied, ModelStarted, Recorded, WindowExceeded
from agent.types import Place, Said, Usage
from tests.unit.shown import NOW

USAGE = Usage(input_tokens=100, output_tokens=20, cache_creation_input_tokens=40, cache_read_input_tokens=1_000)
BROKE_OFF = Usage(input_tokens=30, output_tokens=1)
PRICE = Price(input=3_000_000, output=15_000_000, cache_write_5m=3_750_000, cache_write_1h=6_000_000, cache_read=300_000)
BILL = Bill(payer="U1", agent="assistant", model="m", started_at=NOW, nano_usd=9_999_000, price=PRICE)
STARTED = ModelStarted(iteration=1, reserved_tokens=5_000, max_tokens=4_000, bill=BILL)
# Input and what is written to the cache in full, what is read from it at a tenth (docs/guide/budgets.md).
OF_USAGE, OF_BROKEN = 100 + 20 + 40 + 100, 31
NANO_OF_USAGE, NANO_OF_BROKEN = 300_000 + 300_000 + 150_000 + 300_000, 90_000 + 15_000
RESERVED, NANO_RESERVED = 5_000, 9_999_000

ENDS: dict[str, tuple[EndsCall, int, int]] = {
    "a reply": (ModelReplied(content=(), stop_reason="end_turn", usage=USAGE), OF_USAGE, NANO_OF_USAGE),
    "a reply after a try that broke off": (
        ModelReplied(content=(), stop_reason="end_turn", usage=USAGE, lost=(BROKE_OFF,)),
        OF_USAGE + OF_BROKEN,
        NANO_OF_USAGE + NANO_OF_BROKEN,
    ),
    "a window that was exceeded in mid-reply": (WindowExceeded(usage=USAGE), OF_USAGE, NANO_OF_USAGE),
    "a window that refused": (WindowExceeded(unbilled=True), 0, 0),
    "a window that refused after a try that broke off": (WindowExceeded(), RESERVED, NANO_RESERVED),
    "a summary after a try that broke off": (
        Compacted(head="So far.", usage=USAGE, lost=(BROKE_OFF,)),
        OF_USAGE + OF_BROKEN,
        NANO_OF_USAGE + NANO_OF_BROKEN,
    ),
    "a summary that code made, the model having failed": (Compacted(head="So far."), RESERVED, NANO_RESERVED),
    "a summary that code made, the model having refused": (Compacted(head="So far.", unbilled=True), 0, 0),
    "a failure": (ModelFailed(reason="unavailable", since=NOW), RESERVED, NANO_RESERVED),
    "a failure before it began": (ModelFailed(reason="unavailable", since=NOW, unbilled=True), 0, 0),
    "a halt": (Halted(error="Stopped", sentence="Stopped."), RESERVED, NANO_RESERVED),
    "the next start, since the reply was lost": (STARTED, RESERVED, NANO_RESERVED),
}


@pytest.mark.parametrize(("step", "tokens", "nano_usd"), ENDS.values(), ids=ENDS)
def test_a_call_is_charged_what_it_used_and_one_without_a_word_on_that_what_was_reserved(
    step: EndsCall, tokens: int, nano_usd: int
) -> None:
    place = Place(team="T1", channel="C1", thread_ts="1.0")
    asked = Asked(said=(Said(user="U1", text="hello", ts="1.0"),))
    session = fold(Session("T1:C1:1.0", place, 1), [Recorded(1, 1, asked), Recorded(2, 1, STARTED)])
    due = charge(session, step)
    assert due is not None
    assert (due.tokens, due.nano_usd) == (tokens, nano_usd)
    assert charged_tokens(STARTED, step) == tokens
