"""How people decide: what became of cards by tool and rule, how long it took, and what each approver said. Pure.

A word that was given in less than `REFLEX_SECONDS` after the card was asked for is a reflex: nobody has read it by then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.reports.period.measures import Share, percentile
from agent.reports.period.rows import CardRow

REFLEX_SECONDS = 2.0
BY_PEOPLE = frozenset({"approved", "rejected"})


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """What became of the cards of one tool under one rule. Times are to the decision, of those that people decided."""

    tool: str
    rule: str
    cards: int
    approved: int
    rejected: int
    expired: int
    waiting: int
    ended_otherwise: int  # edited, withdrawn, undeliverable
    reflexes: int
    median_seconds: float | None
    p99_seconds: float | None

    @property
    def rejection(self) -> Share:
        """Return how many of the decided ones were rejected."""
        return Share(self.rejected, self.approved + self.rejected)


@dataclass(frozen=True, slots=True)
class Approver:
    """What one person said of cards, and after how long; of a card that needs several, each one's word counts."""

    user: str
    approved: int
    rejected: int
    reflexes: int
    median_seconds: float | None
    p99_seconds: float | None


def by_rule(cards: Iterable[CardRow]) -> tuple[RuleFigures, ...]:
    """Return the figures of each tool and rule, by their names."""
    grouped: dict[tuple[str, str], list[CardRow]] = defaultdict(list)
    for card in cards:
        grouped[card.tool, card.rule].append(card)
    return tuple(_rule(*key, grouped[key]) for key in sorted(grouped))


def _rule(tool: str, rule: str, cards: Sequence[CardRow]) -> RuleFigures:
    ends = Counter(card.decision for card in cards)
    seconds = seconds_to_decision(cards)
    named = (ends["approved"], ends["rejected"], ends["expired"], ends[""])
    reflexes = sum(each < REFLEX_SECONDS for each in seconds)
    otherwise = len(cards) - sum(named)
    return RuleFigures(tool, rule, len(cards), *named, otherwise, reflexes, percentile(seconds, 0.5), percentile(seconds, 0.99))


def seconds_to_decision(cards: Iterable[CardRow]) -> list[float]:
    """Return how long each decision took that people made."""
    return [card.seconds for card in cards if card.decision in BY_PEOPLE and card.seconds is not None]


def by_approver(cards: Iterable[CardRow]) -> tuple[Approver, ...]:
    """Return what each person said, the one who said most first."""
    said: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for card in cards:
        for user, word, seconds in zip(card.people, card.words, card.word_seconds, strict=True):
            said[user].append((word, seconds))
    return tuple(sorted((_approver(user, words) for user, words in said.items()), key=_most_words))


def _most_words(one: Approver) -> tuple[int, str]:
    return (-one.approved - one.rejected, one.user)


def _approver(user: str, said: Sequence[tuple[str, float]]) -> Approver:
    words = [word for word, _ in said]
    seconds = [each for _, each in said]
    reflexes = sum(each < REFLEX_SECONDS for each in seconds)
    times = (percentile(seconds, 0.5), percentile(seconds, 0.99))
    return Approver(user, words.count("approved"), words.count("rejected"), reflexes, *times)
