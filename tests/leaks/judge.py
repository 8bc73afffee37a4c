"""The judge of a history: which secret was said where, and whether what is shown is for all who read along."""

import logging
import re
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.leaks.world import World

WORD, CHANNEL = re.compile(r"\bzq\d+x\d+z\b"), re.compile(r"(?:<#|/archives/)(\w+)")


@dataclass
class Secret:
    """A word, and what said it: by message or value, in which channel."""

    sayings: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])  # (key, channel) -> channel
    ever: set[str] = field(default_factory=set[str])

    def said(self, key: str, channel: str) -> None:
        """It was said once more."""
        self.sayings[key, channel] = channel
        self.ever.add(channel)


class Judge:
    """Knows all secrets of one workspace, and looks at whatever is shown in it."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._number = world, number
        self.secrets: dict[str, Secret] = {}
        self.findings: list[str] = []
        self.tally: Counter[str] = Counter()

    def new_word(self) -> str:
        """A secret that nobody has said yet."""
        word = f"zq{self._number}x{len(self.secrets)}z"
        self.secrets[word] = Secret()
        return word

    def shown(self, what: str, place: str, text: str) -> set[str]:
        """Something is shown in a place now; the words in it."""
        words = set(WORD.findall(text))
        self.tally["looks"] += 1
        self.tally["secrets shown"] += len(words)
        for word in words:
            secret = self.secrets.get(word)
            if secret is None:
                self.findings.append(f"{what} in {place} shows {word} of another workspace")
            elif not secret.sayings:
                self.findings.append(f"{what} in {place} shows {word}, which was forgotten")
            else:
                self._judge(what, place, word, {*secret.sayings.values()})
        for channel in CHANNEL.findall(text):
            self._judge(what, place, f"<#{channel}>", {channel})
        return words

    def seen_by(self, what: str, person: str, text: str) -> None:
        """Something is shown to one person alone, wherever they are."""
        self.tally[what] += 1
        words = set(WORD.findall(text))
        named = {word: {*self.secrets[word].sayings.values()} for word in words}
        named |= {f"<#{channel}>": {channel} for channel in CHANNEL.findall(text)}
        for name, sources in named.items():
            self.tally[f"shown on {what}"] += 1
            if self._world.stranger(person, sources):
                self.findings.append(f"{what} of {person} shows {name} of {sorted(sources)}")

    def in_context(self, place: str, told: Iterable[str]) -> None:
        """The model goes on in a thread, and may say whatever it was told there."""
        for word in told:
            self._judge("a conversation that went on", place, word, self.secrets[word].ever)

    def _judge(self, what: str, place: str, name: str, sources: set[str]) -> None:
        if strangers := self._world.strangers(place, sources):
            self.findings.append(f"{what} in {place} shows {name} of {sorted(sources)} to {strangers}")

    # ------------------------------------------------------------------------------------------ what is not said any more

    def words_of(self, key: str) -> str:
        """The words that a message or a value says."""
        return " ".join(word for word, secret in self.secrets.items() if any(one == key for one, _ in secret.sayings))

    def drop(self, key: str) -> None:
        """This message or value says nothing any more."""
        for secret in self.secrets.values():
            secret.sayings = {one: at for one, at in secret.sayings.items() if one[0] != key}

    def forgotten(self, gone: Iterable[tuple[str, str]]) -> None:
        """What these words said, each in its channel, is not said any more. `gone`: channels and words."""
        for channel, body in gone:
            for word in WORD.findall(body):
                secret = self.secrets[word]
                secret.sayings = {one: at for one, at in secret.sayings.items() if at != channel}


class Logged(logging.Handler):
    """What is logged while the block runs. Nothing of it may say a secret."""

    def __init__(self) -> None:
        super().__init__()
        self.records = 0
        self.findings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.records += 1
        said = self.format(record)
        if WORD.search(said):
            self.findings.append(f"the log says: {said}")

    @contextmanager
    def listening(self) -> Generator[None]:
        """Hear what every logger says."""
        root = logging.getLogger()
        level = root.level
        root.addHandler(self)
        root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.removeHandler(self)
            root.setLevel(level)
