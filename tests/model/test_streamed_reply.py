"""What is billed of a reply that broke off: what the API has counted, and an estimate of what it wrote since."""

import pytest

from agent.model.streamed_reply import OddStreamError, StreamedReply
from agent.types import Usage
from tests.model.streams import STREAM

WRITTEN = len("Hm." + "I order.")  # of thoughts and text, before the first call
COUNTED = Usage(input_tokens=10, output_tokens=1)


@pytest.mark.parametrize(
    ("events", "billed"),
    [
        (STREAM[:0], None),
        (STREAM[:1], COUNTED),
        (STREAM[:9], COUNTED.model_copy(update={"output_tokens": 1 + WRITTEN})),
        (STREAM[:-1], COUNTED.model_copy(update={"output_tokens": 40})),  # the API has counted all of it: nothing is added
    ],
)
def test_what_broke_off_is_billed_as_far_as_it_came(events: list[dict[str, object]], billed: Usage | None) -> None:
    reply = StreamedReply()
    for event in events:
        reply.take(event)
    assert reply.lost(characters_per_token=1.0) == billed


def test_what_comes_twice_ends_it() -> None:
    reply = StreamedReply()
    reply.take(STREAM[0])
    with pytest.raises(OddStreamError, match="message_start came where it cannot stand"):
        reply.take(STREAM[0])
