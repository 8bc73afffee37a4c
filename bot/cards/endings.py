"""How an action ended, in words: on its closed card, and in the Home tab."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardEnding:
    """Whom and when stand between `how` and `then`. `short`: both in a list, where that is not simply one after the other."""

    icon: str
    how: str
    then: str
    between: str = ". "
    short: str = ""

    def on_card(self, by: str, at: str) -> str:
        """Return the line below a closed card; `by` and `at` begin with their own space or comma, or are empty."""
        return f"{self.icon} {self.how}{by}{at}{self.between}{self.then}."

    def in_a_list(self) -> str:
        """Return the ending without whom and when, and without a full stop."""
        return self.short or f"{self.how}, {self.then[0].lower()}{self.then[1:]}"


# By how the card looks, or by the action's status.
ENDINGS: Mapping[str, CardEnding] = {
    "approved": CardEnding(":hourglass_flowing_sand:", "Approved", "Running now"),
    "running": CardEnding(":hourglass_flowing_sand:", "Approved", "Running now"),
    "succeeded": CardEnding(":white_check_mark:", "Approved", "Done", short="Done"),
    "failed": CardEnding(":x:", "Approved", "but it failed", between=", "),
    "unknown": CardEnding(":warning:", "Approved", "Its outcome is unknown: it was started, and the result was lost"),
    "left": CardEnding(":warning:", "Approved", "Its outcome is unknown and was left so: it is not run again"),
    "rejected": CardEnding(":no_entry:", "Rejected", "Nothing was run"),
    "expired": CardEnding(":alarm_clock:", "Expired", "Nobody decided in time; nothing was run"),
    "withdrawn": CardEnding(":leftwards_arrow_with_hook:", "Withdrawn", "Nothing was run"),
    "undeliverable": CardEnding(":no_entry:", "Its card could not be posted", "Nothing was run"),
    "edited": CardEnding(":pencil2:", "Edited", "The new card is below; nothing was run", short="Edited, and proposed anew"),
    "refused": CardEnding(":no_entry:", "Not run", "The approval no longer holds", short="Not run, or not run again"),
}
