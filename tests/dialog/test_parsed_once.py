"""What a call costs in our own code between a reply and its card, and between a click and the answer: JSON is made once.

The number of files on the way of a mention is a ceiling, and no measure of the way's length: it was 56 when files had up to 400
lines. Since each has at most 300 and one subject, the same functions are in more of them: 105, and up to two more where something
else is said meanwhile.
"""

import pytest

from bot.sandbox.model import Lines, Request, call
from tests.dialog.conftest import World, mention
from tests.dialog.counted import files_entered, json_counted

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
MOST_BEFORE_THE_CARD, MOST_AFTER_THE_CLICK, MOST_FILES = 17, 29, 107
MENTIONS = 3


async def test_json_is_read_and_written_only_where_something_comes_in_or_goes_out(
    bot: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines(ORDER, "It is ordered.", ORDER, "And again.")
    bot.model.script = lines
    warm = await mention(bot, "ann", "order 2 Widget Pro for ada@example.com")  # what is made once in a process is made now
    await warm.clicks("ann", await warm.card())
    await warm.sees("It is ordered.")
    await warm.rests("active")
    counted = json_counted(monkeypatch)
    asked_at: list[int] = []

    def script(request: Request) -> object:
        asked_at.append(len(counted))
        return lines(request)

    bot.model.script = script  # pyright: ignore[reportAttributeAccessIssue]
    talk = await mention(bot, "ann", "order 2 Widget Pro for ada@example.com once more")
    card = await talk.card()
    await talk.rests("suspended")
    before_the_card, clicked_at = counted.since(asked_at[0]), len(counted)
    await talk.clicks("ann", card)
    await talk.sees("And again.")
    await talk.rests("active")
    after_the_click = counted.since(clicked_at)
    with capsys.disabled():
        for name, places in (("from a reply to its card", before_the_card), ("from a click to the answer", after_the_click)):
            print(f"\nJSON is read or written {places.total()} times {name}:")
            print("\n".join(f"  {number} {place}" for place, number in places.most_common()))
    assert before_the_card.total() <= MOST_BEFORE_THE_CARD
    assert after_the_click.total() <= MOST_AFTER_THE_CLICK


async def test_the_way_of_a_mention_to_the_model_is_short(bot: World, capsys: pytest.CaptureFixture[str]) -> None:
    bot.model.script = Lines("Hello.", *["Hello again."] * MENTIONS)
    warm = await mention(bot, "ann", "hello")
    await warm.sees("Hello.")
    await warm.rests("active")
    ways: list[set[str]] = []
    for _ in range(MENTIONS):
        asked = len(bot.model.requests)
        with files_entered() as entered:
            again = await mention(bot, "ann", "hello again")
            await bot.slack.until(lambda: len(bot.model.requests) > asked)  # noqa: B023 # awaited within the round
        await again.sees("Hello again.")
        await again.rests("active")
        ways.append(entered)
    entered = min(ways, key=len)  # a chore may run meanwhile, once a second
    with capsys.disabled():
        print(f"\nThe way of a mention to the model enters {len(entered)} of our files: {', '.join(sorted(entered))}.")
    assert len(entered) <= MOST_FILES
