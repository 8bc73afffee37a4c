"""Whom any message is for, and from whom it counts: what is read of Slack's events agrees with a few plain rules.

The rules are those of the design, in `counts` below: what is for us opens a session or belongs to the one of its thread, once,
however it was delivered, with whatever workspaces in its envelope, and changed since or not. `Inbox` is the edge in a few
lines: which of the things that were read it keeps.

Long because the rules, the world that they are about and the inbox that is held against them are read together.
"""

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Literal

from hypothesis import event, example, given
from hypothesis import strategies as st

from agent.session.inbox import Message
from bot.slack.inbound import BARE_IN_THREAD, Inbound, Unheard, read_event
from bot.slack.whom import SLACKBOT, Installation
from tests.profiles import examples

US = Installation("T1", "U0BOT", frozenset({"A_LISTED"}))
WRITTEN = {  # each kind of word, as Slack writes it
    "us": ("<@U0BOT>", "<@U0BOT|signoff>"),
    "person": ("<@U7>", "<@W7|wanda>"),
    "group": ("<!subteam^S1>", "<!subteam^S1|@desk>"),
    "everybody": ("<!here>", "<!channel|channel>", "<!everyone>"),
    "word": ("please", "<#C2|general>", "<https://acme.example|a page>", "<!date^1^{date}|today>", ">", "&lt;@U7&gt;"),
}
OTHERS = ("person", "group", "everybody")
CHANNELS = {"C1": "channel", "C2": "group", "G1": "mpim", "D1": "im"}
UNSPOKEN = ("channel_join", "channel_topic")
TEAMS = ("T1", "T_THEIRS", None)
Key = tuple[str, str]
"""Channel and ts, of a message or of the first one of a thread."""


@dataclass(frozen=True)
class Author:
    """Who writes: the fields that say so in an event, the id that their words count under, and whether they are heard at all."""

    fields: dict[str, Any]
    id: str
    heard: bool = True


AUTHORS = {
    "ann": Author({"user": "U1"}, "U1"),
    "ben": Author({"user": "U2"}, "U2"),
    "ann through an app that is listed": Author({"user": "U1", "bot_id": "B1", "app_id": "A_LISTED"}, "U1"),
    "ann through another": Author({"user": "U1", "bot_id": "B2", "app_id": "A_OTHER"}, "U1", heard=False),
    "an app that is listed": Author({"subtype": "bot_message", "bot_id": "B1", "app_id": "A_LISTED"}, "B1"),
    "a workflow": Author({"subtype": "bot_message", "bot_id": "B3"}, "B3", heard=False),
    "an app in its profile": Author({"user": "U3", "bot_id": "B1", "bot_profile": {"app_id": "A_LISTED"}}, "U3"),
    "Slackbot": Author({"user": SLACKBOT, "app_id": "A_LISTED"}, SLACKBOT, heard=False),
    "we": Author({"user": "U0BOT", "bot_id": "B0", "app_id": "A_LISTED"}, "U0BOT", heard=False),
}


@dataclass(frozen=True)
class Text:
    """What somebody writes: the kinds of its words in order, and how Slack spells it."""

    words: tuple[str, ...]
    raw: str

    @property
    def to_us(self) -> bool:
        """Whether it mentions us."""
        return "us" in self.words

    @property
    def to_others(self) -> bool:
        """Whether it begins with a mention of others, and does not mention us."""
        return self.words[:1] != () and self.words[0] in OTHERS and not self.to_us


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """Any few words, mentions among them."""
    words = draw(st.lists(st.sampled_from(["us", *OTHERS, "word", "word"]), max_size=4))
    spelt = [draw(st.sampled_from(WRITTEN[word])) for word in words]
    before = draw(st.sampled_from(["", " ", "*", "_ ", "\n"]))
    return Text(tuple(words), before + " ".join(spelt))


@dataclass(frozen=True)
class Say:
    """Somebody writes: at the top of a channel, or below a message there."""

    author: str
    channel: str
    text: Text
    below: int | None
    subtype: Literal["", "file_share", "thread_broadcast", "me_message", "channel_join", "channel_topic"]
    times: int  # that each event of it is delivered
    mention_first: bool  # of the two events of a mention
    while_away: bool = False  # we are not in the channel just then: nothing of it is delivered


@dataclass(frozen=True)
class Edit:
    """Somebody changes what they wrote."""

    which: int
    text: Text


@dataclass(frozen=True)
class Answer:
    """We answer in a session, with a question or without."""

    which: int
    asks: bool


@dataclass(frozen=True)
class Post:
    """We post something of a session at the top of another channel: a card's copy, or a message that a tool sends."""

    which: int
    channel: str


PLACES = st.sampled_from([*CHANNELS, "C1", "C1", "C1"])
SUBTYPES = st.sampled_from(["", "", "", "file_share", "thread_broadcast", "me_message", "channel_join", "channel_topic"])
SAYS = st.builds(
    Say,
    st.sampled_from([*AUTHORS, *(["ann", "ben"] * 4)]),
    PLACES,
    texts(),
    st.sampled_from([None, None, *range(6)]),
    SUBTYPES,
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([False] * 7 + [True]),
)
FIRST = Say("ann", "C1", Text(("us",), "<@U0BOT>"), None, "", 1, mention_first=True)  # so that there is a session
EDITS = st.builds(Edit, st.integers(0, 9), texts())
ACTS = SAYS | SAYS | EDITS | st.builds(Answer, st.integers(0, 9), st.booleans()) | st.builds(Post, st.integers(0, 9), PLACES)


@dataclass
class Written:
    """A message as it stands."""

    author: str
    channel: str
    ts: str
    thread_ts: str
    text: Text
    subtype: str
    root: str  # who wrote the first message of its thread, by id

    @property
    def key(self) -> Key:
        """What it is told apart by."""
        return self.channel, self.ts

    @property
    def thread(self) -> Key:
        """The thread that it is of, or begins."""
        return self.channel, self.thread_ts or self.ts


@dataclass
class Sessions:
    """Which messages are of which session, which sessions ask something, and what of ours stands elsewhere."""

    of: dict[Key, Key] = field(default_factory=dict[Key, Key])
    asking: set[Key] = field(default_factory=set[Key])
    posted: dict[Key, Key] = field(default_factory=dict[Key, Key])

    @property
    def all(self) -> set[Key]:
        """Every session."""
        return set(self.of.values())


def counts(message: Written, sessions: Sessions, added: bool = False) -> Key | None:
    """The rules: return the session that a message belongs to; None: it is not for us. `added`: an edit has added a mention."""
    author, text = AUTHORS[message.author], message.text
    if message.key in sessions.of or not author.heard or message.subtype in UNSPOKEN:
        return None
    if not added and message.thread_ts and message.thread not in sessions.all and message.thread in sessions.posted:
        session = sessions.posted[message.thread]
        return None if text.to_others and not message.channel.startswith("D") and session not in sessions.asking else session
    if text.to_us and added and message.thread in sessions.posted and message.thread not in sessions.all:
        return sessions.posted[message.thread]
    if message.channel.startswith("D") or text.to_us:
        return message.thread
    if message.thread_ts and message.thread in sessions.all and (not text.to_others or message.thread in sessions.asking):
        return message.thread
    return None


class Inbox(Sessions):
    """What the edge keeps of what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[Key, Message] = {}
        self.ignored = 0

    def deliver(self, body: Any) -> None:
        """Take in one delivery."""
        read = read_event(body, US)
        if isinstance(read, Unheard):
            self.ignored += read.opens or (read.place.channel, read.place.thread_ts) in self.all
        if not isinstance(read, Inbound):
            return
        assert isinstance(read.received, Message)
        assert read.place is not None
        assert read.place.team == US.team, "the team is that of the installation, whatever a delivery names"
        key, session, opens = (read.place.channel, read.received.said.ts), (read.place.channel, read.place.thread_ts), read.opens
        assert read.key == f"message:{US.team}:{key[0]}:{key[1]}"
        if session not in self.all and session in self.posted and read.below_ours:
            session, opens = self.posted[session], False
        if key in self.of or (read.aside and session not in self.asking) or not (opens or session in self.all):
            return
        self.of[key], self.messages[key] = session, read.received


class World:
    """A workspace of few people, where everything is delivered as Slack does it."""

    def __init__(self, teams: list[str | None]) -> None:
        self.written: list[Written] = []
        self.tops: list[Written] = []
        self.expected, self.inbox = Sessions(), Inbox()
        self._ts, self._teams = (f"{number}.0" for number in count(1)), teams

    def play(self, act: Say | Edit | Answer | Post) -> None:
        """One thing happens."""
        match act:
            case Say():
                self._say(act)
            case Edit() if self.written:
                self._edit(self.written[act.which % len(self.written)], act.text)
            case Answer() if self.expected.all:
                session = sorted(self.expected.all)[act.which % len(self.expected.all)]
                for each in (self.expected, self.inbox):
                    each.asking = each.asking - {session} | ({session} if act.asks else set())
            case Post() if self.expected.all:
                session = sorted(self.expected.all)[act.which % len(self.expected.all)]
                top = Written("we", act.channel, next(self._ts), "", Text(("word",), "a card"), "", "")
                self.tops.append(top)
                for each in (self.expected, self.inbox):
                    each.posted[top.key] = session
            case _:
                pass

    def _say(self, say: Say) -> None:
        there = [top for top in self.tops if top.channel == say.channel]
        root = there[say.below % len(there)] if there and say.below is not None else None
        ts = next(self._ts)
        root_id = AUTHORS[root.author].id if root else ""
        subtype = AUTHORS[say.author].fields.get("subtype", say.subtype)
        message = Written(say.author, say.channel, ts, root.ts if root else "", say.text, subtype, root_id)
        self.written.append(message)
        if root is None:
            self.tops.append(message)
        if say.while_away:
            return
        self._expect(message)
        event = self._event(message)
        events = [{**event, "type": "app_mention"}] if self._is_mention(message) else []
        events.insert(say.mention_first, event)
        self._deliver(*(each for each in events for _ in range(say.times)))

    def _edit(self, message: Written, text: Text) -> None:
        before, message.text = message.text, text
        if text.to_us and not before.to_us:
            self._expect(message, added=True)
        now = {**self._event(message), "edited": {"user": "U1", "ts": "9.9"}}
        place = {"channel": now.pop("channel"), "channel_type": now.pop("channel_type")}
        changed = {"type": "message", "subtype": "message_changed", **place, "message": now, "ts": "9.9"}
        events = [{**changed, "previous_message": {"text": before.raw, "ts": message.ts}}]
        if self._is_mention(message):
            events.append({**now, **place, "type": "app_mention"})
        self._deliver(*events)

    def _expect(self, message: Written, *, added: bool = False) -> None:
        session = counts(message, self.expected, added)
        if session is not None:
            self.expected.of[message.key] = session

    def _is_mention(self, message: Written) -> bool:
        return message.text.to_us and not message.channel.startswith("D") and message.subtype not in UNSPOKEN

    def _event(self, message: Written) -> dict[str, Any]:
        author = AUTHORS[message.author]
        thread = {"thread_ts": message.thread_ts, "parent_user_id": message.root} if message.thread_ts else {}
        subtype = {"subtype": message.subtype} if message.subtype else {}
        where = {"channel": message.channel, "channel_type": CHANNELS[message.channel], "ts": message.ts}
        return {"type": "message", "text": message.text.raw, **where, **thread, **subtype, **author.fields}

    def _deliver(self, *events: dict[str, Any]) -> None:
        for number, each in enumerate(events):
            team = self._teams[number % len(self._teams)]
            self.inbox.deliver({"type": "event_callback", "team_id": team, "event": {**each, "team": team}})


@examples(6)
@given(st.lists(ACTS, max_size=20), st.lists(st.sampled_from(TEAMS), min_size=1, max_size=4))
@example([replace(FIRST, while_away=True), Edit(1, Text(("us", "word"), "<@U0BOT> please"))], ["T1"])  # it adds no mention
def test_every_message_is_for_whom_the_rules_say_and_counts_once(acts: list[Any], teams: list[str | None]) -> None:
    world = World(teams)
    for act in (FIRST, *acts):
        world.play(act)
        assert world.inbox.of == world.expected.of, act
    event(f"{min(len(world.expected.of), 5)} or more of them are for us")
    for message in world.written:
        if (kept := world.inbox.messages.get(message.key)) is not None:
            assert kept.said.user == AUTHORS[message.author].id
            assert bool(kept.app) == ("bot_id" in AUTHORS[message.author].fields)
            assert "U0BOT" not in kept.said.text
            assert kept.form == "text" or not kept.said.text


@given(texts(), st.booleans(), st.sampled_from(["channel", "im"]))
def test_a_mention_without_words_has_its_thread_read_or_is_told_what_we_can_do(text: Text, below: bool, kind: str) -> None:
    thread = {"thread_ts": "1.0", "parent_user_id": "U2"} if below else {}
    place = {"channel": "D1" if kind == "im" else "C1", "channel_type": kind}
    read = read_event({"event": {"type": "message", "user": "U1", "text": text.raw, "ts": "2.0", **place, **thread}}, US)
    if not isinstance(read, Inbound):
        assert not text.to_us
        return
    assert isinstance(read.received, Message)
    bare = not text.raw.replace("<@U0BOT>", "").replace("<@U0BOT|signoff>", "").strip()
    assert (read.received.said.text == BARE_IN_THREAD) == (bare and below and text.to_us)
    assert (read.received.form == "bare") == (bare and not (below and text.to_us))


@given(st.sampled_from([name for name, author in AUTHORS.items() if not author.heard and name != "we"]), texts(), st.booleans())
def test_who_is_not_heard_is_told_to_the_log_once_where_it_would_have_been_for_us(who: str, text: Text, below: bool) -> None:
    inbox, session = Inbox(), ("C1", "1.0")
    inbox.of[session] = session
    thread = {"thread_ts": "1.0", "parent_user_id": "U2"} if below else {}
    event = {"type": "message", "text": text.raw, "ts": "2.0", "channel": "C1", "channel_type": "channel", **thread}
    for kind in ("app_mention", "message") if text.to_us else ("message",):
        inbox.deliver({"event": {**event, **AUTHORS[who].fields, "type": kind}})
    assert inbox.of == {session: session}
    assert inbox.ignored == (text.to_us or below)
