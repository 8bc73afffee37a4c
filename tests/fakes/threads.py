"""The messages of a workspace as people see them, and what must not be seen there."""

from dataclasses import dataclass, field

from agent.decide.moves import AnswerPart, Card, Cards, Content, Work


@dataclass
class Message:
    """A posted message, and every card that it ever showed."""

    ts: str
    channel: str
    thread_ts: str
    key: str
    content: Content
    shown: list[Card] = field(default_factory=list[Card])

    def shows(self, content: Content) -> None:
        """Show this from now on."""
        self.content = content
        if isinstance(content, Cards):
            self.shown += content.rows


@dataclass
class Growing:
    """A message that grows. It has no key before it ends."""

    channel: str
    thread_ts: str
    shows: Work
    taking: bool = True  # until somebody, or time, ends the stream


@dataclass
class Threads:
    """All messages. `wrong`: what must not happen and was seen while it did."""

    messages: dict[tuple[str, str], Message] = field(default_factory=dict[tuple[str, str], Message])  # by channel and key
    growing: dict[str, Growing] = field(default_factory=dict[str, Growing])  # by ts
    appeared: list[Message] = field(default_factory=list[Message])  # in their order, those that appeared twice included
    wrong: list[str] = field(default_factory=list[str])
    count: int = 0

    def post(self, channel: str, thread_ts: str, key: str, content: Content) -> str:
        """Let a message appear; its ts."""
        if (channel, key) in self.messages:
            self.wrong.append(f"{key} was posted twice")
        return self._keep(Message(self._new_ts(), channel, thread_ts, key, content))

    def _keep(self, message: Message) -> str:
        self.messages[message.channel, message.key] = message
        self.appeared.append(message)
        message.shows(message.content)
        return message.ts

    def _new_ts(self) -> str:
        self.count += 1
        return f"{self.count}.5"

    def at(self, channel: str, ts: str) -> Message:
        """Return the message that is there."""
        return next(each for each in self.messages.values() if (each.channel, each.ts) == (channel, ts))

    def take_away(self, channel: str, ts: str) -> None:
        """Let a message disappear, if it is still there."""
        self.growing.pop(ts, None)
        self.messages = {key: each for key, each in self.messages.items() if (each.channel, each.ts) != (channel, ts)}

    def cards(self) -> list[Card]:
        """Return every card as it stands on the screen."""
        contents = [message.content for message in self.messages.values()]
        return [row for content in contents if isinstance(content, Cards) for row in content.rows]

    # ------------------------------------------------------------------------------------------ messages that grow

    def grow(self, channel: str, thread_ts: str, work: Work) -> str:
        """Let a message appear that is to grow; its ts."""
        ts = self._new_ts()
        self.growing[ts] = Growing(channel, thread_ts, work)
        return ts

    def extend(self, ts: str, shown: Work, work: Work) -> bool:
        """Let it grow. False: it takes nothing more."""
        message = self.growing.get(ts)
        if message is None or not message.taking:
            return False
        if message.shows != shown or not work.words.startswith(shown.words):
            self.wrong.append(f"a message that shows {message.shows} and not {shown} was to go on to {work}")
        message.shows = work
        return True

    def finish(self, channel: str, ts: str, key: str, content: AnswerPart | Work, shown: Work | None) -> str:
        """Make it into this; its ts. Its stream may be over; it may stand there already."""
        message = self.growing.pop(ts, None)
        if message is None:
            if isinstance(content, Work):
                return ts
            known = next((each for each in self.messages.values() if each.ts == ts), None)
            self.wrong += [f"{key} was to stand where {known.key} does"] if known and known.key != key else []
            return known.ts if known else self.post(channel, "", key, content)
        if shown is not None and message.shows != shown:
            self.wrong.append(f"a message that shows {message.shows} and not {shown} was ended as {content}")
        if isinstance(content, Work) and not content.tasks:
            return ts
        if (message.channel, key) in self.messages:
            self.wrong.append(f"{key} stands there twice")
        return self._keep(Message(ts, message.channel, message.thread_ts, key, content))
