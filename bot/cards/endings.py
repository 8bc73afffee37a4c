"""How an action ended, in words: on its closed card, wherever people were told that it waits, and in the Home tab."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardEnding:
    """`icon` stands before the headline; whom and when between `how` and `then`. `short`: both in a list, where that is not
    simply one after the other."""

    icon: str
    how: str
    then: str
    short: str = ""

    def on_card(self, by: str, at: str) -> str:
        """Return the line below a closed card. `by` begins with its own space, or is empty, as `at` may be."""
        return " · ".join(filter(None, (f"{self.how}{by}", at, f"{self.then}.")))

    def away_from_card(self, by: str, at: str = "") -> str:
        """Return the same for elsewhere. What came of an approval the card tells; it may not be known yet."""
        return " · ".join(filter(None, (f"{self.how}{by}", at))) + "." if self.how == "Approved" else self.on_card(by, at)

    def in_a_list(self) -> str:
        """Return the ending without whom and when, and without a full stop."""
        return self.short or f"{self.how}, {self.then[0].lower()}{self.then[1:]}"


# By how the card looks, or by the action's status.
ENDINGS: Mapping[str, CardEnding] = {
    "approved": CardEnding("⏳", "Approved", "Running now"),
    "running": CardEnding("⏳", "Approved", "Running now"),
    "succeeded": CardEnding("✅", "Approved", "Done", short="Done"),
    "failed": CardEnding("❌", "Approved", "It failed", short="Approved, but it failed"),
    "unknown": CardEnding("❓", "Approved", "Its outcome is unknown"),
    "left": CardEnding("❓", "Approved", "Its outcome stays unknown"),
    "rejected": CardEnding("⛔", "Rejected", "Nothing was run"),
    "expired": CardEnding("⏰", "Expired", "Nobody decided in time; nothing was run"),
    "withdrawn": CardEnding("↩", "Withdrawn", "Nothing was run"),
    "undeliverable": CardEnding("⛔", "Its card could not be posted", "Nothing was run"),
    "edited": CardEnding("✎", "Edited", "Proposed anew; nothing was run", short="Edited, and proposed anew"),
    "refused": CardEnding("⛔", "Not run", "The approval no longer holds", short="Not run, or not run again"),
}
