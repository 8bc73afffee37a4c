"""Whatever the Web API answers, at whichever call: what people are to read is read, in its place or another, or the log says that
it is lost; and nothing else than the few errors that the loop deals with comes of it.

The loop is played here: what raises a wait or an unclear answer is made once more, as after a crash, until it has an end.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from agent.decide.for_cards import cards
from agent.decide.move_keys import MoveKey
from agent.decide.move_outcome import Ended
from agent.decide.moves import AnswerPart, Cards, Notice, Post, ShowCard, Work
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.run.background import Background
from agent.run.narration import Narration
from agent.run.people_effects import PeopleEffects
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import Posted
from agent.types import Place
from bot.slack import one_person
from bot.slack.surface import SlackSurface
from bot.slack.web_api import meaning, view_opened
from tests.profiles import examples
from tests.unit.any_slack import TROUBLES, AnySlack, Logged, Standing, Trouble
from tests.unit.changing_session import NOBODY
from tests.unit.test_machine import APPROVED, ASKED, WAITING, after

WORDS, FIRST = "It is 49 dollars.", "It is"
KEY = PostKey("answer", 1, 0)
DIRECT = Place(team="T1", channel="D1", thread_ts="1.0")
MOST_TRIES = 30
POSTS_AND_LOOKS = ("chat.postMessage", "conversations.replies")
CONTENTS = st.sampled_from(
    [AnswerPart(WORDS), AnswerPart(f"{WORDS}\n\n| a | b |\n|---|---|\n| 1 | 2 |"), Notice("told", text=WORDS)]
)
OF_NO_FORM = Trouble("nothing", 200, {}, {"ok": False, "error": "invalid_blocks"})
OF_NO_PLACE = Trouble("nothing", 200, {}, {"ok": False, "error": "is_archived"})
Troubles = list[Trouble | None]


def surface_on(slack: AnySlack) -> SlackSurface:
    """The surface of the bot on it."""
    return SlackSurface(slack.client, {}, team="T1", url="https://acme.slack.com/", bot_user_id="U0BOT")


async def until_it_ends(slack: AnySlack, move: Post | ShowCard, session: Session, narration: Narration | None = None) -> Ended:
    """Make a move as the loop does: again and again while it is not over."""
    people = PeopleEffects(surface_on(slack), NOBODY, Background())
    for _ in range(MOST_TRIES):
        try:
            if isinstance(move, ShowCard):
                return await people.show(move, session)
            return await people.post(move, session, narration or Narration(people.surface, session.place))
        except (DelayedError, UnclearError):
            move = replace(move, found=True) if isinstance(move, Post) else move
    raise AssertionError("it is tried without end")


def asked_in(place: Place | None) -> Session:
    """A session of Ann's whose turn is to be answered."""
    session = after(ASKED)
    return replace(session, place=place) if place else session


def is_read(slack: AnySlack, session: Session) -> bool:
    """Whether somebody reads the words where they belong, or directly."""
    here = [one for one in slack.standing.values() if WORDS in one.said and not one.grows]
    return any(one.channel in (session.place.channel, "D1") for one in here)


def is_said_to_be_lost(logged: Logged) -> bool:
    """Whether the log says that nobody reads it."""
    return any("cannot be posted" in line for line in logged.lines)


# ---------------------------------------------------------------------------------------------- posts


@examples(4)
@given(TROUBLES, CONTENTS, st.sampled_from([None, DIRECT]))
@example([OF_NO_FORM, OF_NO_PLACE, None], AnswerPart(WORDS), None)
@example([OF_NO_PLACE, OF_NO_PLACE, OF_NO_PLACE, OF_NO_PLACE], AnswerPart(WORDS), None)
async def test_a_post_is_read_or_said_to_be_lost(troubles: Troubles, content: Any, place: Place | None) -> None:
    slack, session = AnySlack(list(troubles)), asked_in(place)
    with Logged() as logged:
        [posted] = (await until_it_ends(slack, Post(KEY, content, found=False), session)).steps
    assert isinstance(posted, Posted)
    assert bool(posted.ts) != bool(posted.error)
    standing = [ts for ts, one in slack.standing.items() if one.metadata and one.channel == session.place.channel]
    event("posted" if posted.ts else "refused, and read directly" if is_read(slack, session) else "refused, and said to be lost")
    if posted.ts:
        assert posted.ts in standing
        assert is_read(slack, session)
        if all(trouble is None or trouble.status != 200 or trouble.does == "nothing" for trouble in troubles):
            assert len(standing) == 1, "it stands there twice, though Slack did not keep silent about what is there"
    else:
        assert is_said_to_be_lost(logged)
        there = [call for call in slack.calls if call[0] in POSTS_AND_LOOKS and call[1]["channel"] == session.place.channel]
        method, given = there[-1]
        assert method != "chat.postMessage" or not standing, "it stands there, and is said to be refused"
        plain = method != "chat.postMessage" or "blocks" not in given
        assert meaning(posted.error) != "form" or plain, "it was not tried in another form"
        told_lost = any("could not be told directly either" in line for line in logged.lines)
        assert is_read(slack, session) or told_lost or session.place.direct


@examples(2)
@given(TROUBLES)
async def test_a_card_is_seen_or_the_model_hears_that_it_is_not(troubles: Troubles) -> None:
    slack, session = AnySlack(list(troubles)), after(*WAITING)
    move = Post(PostKey("card", "A1"), cards(session, PostKey("card", "A1")), found=False)
    with Logged() as logged:
        [posted] = (await until_it_ends(slack, move, session)).steps
    assert isinstance(posted, Posted)
    assert posted.ts in slack.standing if posted.ts else is_said_to_be_lost(logged)


@examples(2)
@given(TROUBLES)
async def test_a_card_is_closed_or_said_to_stay(troubles: Troubles) -> None:
    rejected = APPROVED.model_copy(update={"decision": "rejected"})
    slack, session = AnySlack(list(troubles)), after(*WAITING, rejected)
    slack.standing["2.0"] = Standing("C1", "[Approve]", "1.0", {"event_type": "x"})
    shown: Cards = cards(session, PostKey("card", "A1"))
    with Logged() as logged:
        await until_it_ends(slack, ShowCard(shown, (("C1", "2.0"),), MoveKey("show", "card:A1")), session)
    closed = "Rejected" in slack.standing["2.0"].said and "approve" not in slack.standing["2.0"].said
    assert closed or any("stays as it is" in line for line in logged.lines)


# ---------------------------------------------------------------------------------------------- what grows


@examples(4)
@given(TROUBLES, st.booleans())
@example([OF_NO_FORM, None, OF_NO_FORM], True)
async def test_what_has_grown_is_read_whole_and_does_not_grow_on(troubles: Troubles, sure: bool) -> None:
    slack, session = AnySlack(list(troubles)), asked_in(None)
    slack.standing["5.0"] = Standing("C1", FIRST, "1.0", grows=True)
    narration = Narration(surface_on(slack), session.place)
    if sure:
        narration.opened("5.0", Work(words=FIRST))
    with Logged() as logged:
        move = Post(KEY, AnswerPart(WORDS), found=False, stream_ts="5.0")
        [posted] = (await until_it_ends(slack, move, session, narration)).steps
    assert isinstance(posted, Posted)
    left = slack.standing.get("5.0")
    ended = left is None or (left.metadata is not None and not left.grows)
    assert ended or any("5.0 was not taken away" in line for line in logged.lines), "it grows on beside what it became"
    whole = "".join(one.said for one in slack.standing.values() if one.channel in ("C1", "D1"))
    read = is_read(slack, session) or (sure and "5.0" in slack.standing and not slack.standing["5.0"].grows and " 49" in whole)
    assert read or any("could not be told directly either" in line for line in logged.lines)


@given(TROUBLES)
async def test_a_beginning_that_is_lost_leaves_the_answer_to_be_posted(troubles: Troubles) -> None:
    slack, session = AnySlack(list(troubles)), asked_in(None)
    [begun] = (await until_it_ends(slack, Post(PostKey("stream", 1, 0), Work(), found=False), session)).steps
    assert isinstance(begun, Posted)
    assert bool(begun.ts) != bool(begun.error)


# ---------------------------------------------------------------------------------------------- dialogs, whispers, reads, status


@given(TROUBLES)
async def test_a_dialog_is_open_or_the_log_says_why_it_is_not(troubles: Troubles) -> None:
    slack = AnySlack(list(troubles))
    with Logged() as logged:
        if await view_opened(slack.client, "trigger", {"type": "modal"}):
            assert slack.opened
        else:
            assert any("a dialog could not be opened" in line for line in logged.lines)


@given(TROUBLES)
async def test_a_word_to_one_person_is_read_by_them_or_in_the_log(troubles: Troubles) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(one_person, "WAIT_SECONDS", 0.0)  # that somebody waits is nothing to be seen here
        slack = AnySlack(list(troubles))
        with Logged() as logged:
            await surface_on(slack).whisper(Place(team="T1", channel="C1", thread_ts="1.0"), "U1", WORDS)
    directly = any(one.channel == "D1" and WORDS in one.said for one in slack.standing.values())
    assert slack.whispered or directly or any("could not be told" in line for line in logged.lines)


@given(TROUBLES, st.sampled_from(["membership", "holds", "holds group", "admin", "find", "find stream"]))
async def test_what_is_read_is_said_or_one_of_a_few_errors(troubles: Troubles, what: str) -> None:
    surface, place = surface_on(AnySlack(list(troubles))), Place(team="T1", channel="C1", thread_ts="1.0")
    asking: Any = {
        "membership": lambda: surface.membership("U1"),
        "holds": lambda: surface.holds("C1", "U1"),
        "holds group": lambda: surface.holds("S1", "U1"),
        "admin": lambda: surface.is_admin("U1"),
        "find": lambda: surface.find(place, str(KEY)),
        "find stream": lambda: surface.find_stream(place),
    }[what]
    with suppress(UnclearError, DelayedError, RefusedError if what.startswith("find") else UnclearError):
        await asking()


@given(TROUBLES)
async def test_a_status_is_shown_or_not_and_no_more(troubles: Troubles) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("bot.slack.surface.BEST_EFFORT_SECONDS", 0.0)
        await surface_on(AnySlack(list(troubles))).status(Place(team="T1", channel="C1", thread_ts="1.0"), "processing")
