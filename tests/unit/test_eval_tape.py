"""What may differ between a request and its recording: moments and days, as tools and memory spell them, and nothing else."""

import pytest

from bot.eval.tape import Asked


def asked(text: str) -> Asked:
    """A request with this text in it."""
    return Asked.of({"model": "m", "messages": [{"role": "user", "content": text}]})


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("said at 1796071391.553527", "said at 1801234567.000001"),
        ("placed 2026-11-30T20:31:09.123456+00:00", "placed 2027-01-02T03:04:05.6+00:00"),
        ("local time 2026-11-30 20:31", "local time 2027-01-02 03:04"),
        ('{"learnt": "2026-11-30"}', '{"learnt": "2027-01-02"}'),
        (
            "- [fact 1, memory of what <@U1> said, 30 Nov 2026] Before noon",
            "- [fact 1, memory of what <@U1> said, 02 Jan 2027] Before noon",
        ),
        ("=== 0123456789abcdef ===\nBefore noon", "=== fedcba9876543210 ===\nBefore noon"),
    ],
)
def test_another_day_is_the_same_request(then: str, now: str) -> None:
    assert asked(then).differs(asked(now)) == ""


@pytest.mark.parametrize(("then", "now"), [("12 pieces", "13 pieces"), ("ORD-1190", "ORD-1191"), ("before noon", "before one")])
def test_anything_else_is_another_request(then: str, now: str) -> None:
    assert asked(then).differs(asked(now)) == "message 1 of 1 is another one than in the recording (1)"
