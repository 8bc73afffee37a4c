"""What the loop has found out and no step records: whom Slack lets do what, right now."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Found out by one claim of a session, and forgotten with it."""

    admitted: frozenset[int] = frozenset()  # inbox rows whose author may ask for something
    permitted: frozenset[int] = frozenset()  # inbox rows whose author may stop what others asked for, or take back what waits
    vouched: frozenset[tuple[str, str]] = frozenset()  # (grant, call): the grant's giver may still decide such a call
    elsewhere: frozenset[tuple[int, int]] = frozenset()  # (seq of a reply, cards that waited in other conversations then)
    zones: frozenset[tuple[str, str]] = frozenset()  # (person, the name of their time zone; empty where Slack does not say)

    def __or__(self, other: "Facts") -> "Facts":
        """Return both."""
        return Facts(
            self.admitted | other.admitted,
            self.permitted | other.permitted,
            self.vouched | other.vouched,
            self.elsewhere | other.elsewhere,
            self.zones | other.zones,
        )

    def cards_elsewhere(self, reply_seq: int) -> int | None:
        """Return how many cards of the person who asked wait in other conversations. None: nobody has counted."""
        return next((count for seq, count in self.elsewhere if seq == reply_seq), None)

    def time_zone(self, user: str) -> str | None:
        """Return the name of a person's time zone, empty where Slack does not say. None: nobody has asked."""
        return next((zone for who, zone in self.zones if who == user), None)


NOTHING_FOUND = Facts()
