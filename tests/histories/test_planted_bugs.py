"""Bugs planted into the real code: the histories find each of them, so a history that finds nothing says something."""

import asyncio
import re

import pytest

from tests.histories import plants
from tests.histories.history import History
from tests.histories.plants import Plant, without
from tests.histories.process import quicken

MOST_HISTORIES = 150  # each is found within ten as a rule; how the two workers race is left to chance
FEW, LATE, NOT_SHOWN = "by too few", "its time was over|must not count", r"had seen all of it: \[|was not shown this tool"
ALONE = "CASE %(answer)s WHEN 'run_again' THEN action.quorum ELSE 1 END"

BUGS: dict[str, tuple[Plant, str]] = {
    "votes are not checked in the settling statement": (without("SETTLE", "open.needed <= 1 + (", "0 <= ("), FEW),
    "votes for a sibling count": (without("SETTLE", "vote.action_id = open.id AND"), FEW),
    "a sibling is released": (plants.a_click_settles_all_siblings, "must not count"),
    "a late click is taken": (without("SETTLE", "AND action.expires_at > now()"), LATE),
    "a lost write is repeated": (plants.a_lost_write_is_repeated, r"it ran \d+ times"),
    "the epoch is not looked at": (plants.the_epoch_is_not_looked_at, ""),
    "words are not in the digest": (plants.words_are_not_in_the_digest, NOT_SHOWN),
    "a handler does not look at what is bound": (plants.a_handler_does_not_look_at_what_is_bound, NOT_SHOWN),
    "a cut card keeps its button": (plants.a_cut_card_keeps_its_button, NOT_SHOWN),
    "a call that fails is asked about": (plants.a_call_that_fails_is_asked_about, "asked about a call that fails"),
    "an unclear rule does not count": (plants.an_unclear_rule_does_not_count, "no policy lets it run"),
    "a turn forgets who asked before": (plants.a_turn_forgets_who_asked_before, "does not say that .* asked for it"),
    "what was read is forgotten": (plants.what_was_read_is_forgotten, "proposed after reading"),
    "a guest decides": (plants.a_guest_decides, "must not count|may not say it|may not decide"),
    "one person has it run again": (without("TELL", ALONE, "1"), "to run it again"),
    "every host is allowed": (plants.every_host_is_allowed, "no policy lets it run without asking"),
    "cards without end": (plants.cards_without_end, "waited at a time"),
    "nothing is recorded of what nobody is asked": (
        plants.nothing_is_recorded_of_what_nobody_is_asked,
        "no entry of the audit log",
    ),
    "what is invisible stays so": (plants.what_is_invisible_stays_so, "what nobody sees"),
}
QUICK = {  # found by one of the first histories each time; the others are for `make chaos`
    *("votes are not checked in the settling statement", "votes for a sibling count", "a sibling is released"),
    *("a call that fails is asked about", "a guest decides", "every host is allowed"),
    "nothing is recorded of what nobody is asked",
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", [pytest.param(bug, marks=() if bug in QUICK else pytest.mark.chaos) for bug in BUGS])
def test_a_planted_bug_is_found(bug: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, found = BUGS[bug]
    quicken(monkeypatch)
    plant(monkeypatch)
    for seed in range(MOST_HISTORIES):
        findings = asyncio.run(History(seed, 60, database_url).play(found))
        if any(re.search(found, finding) for finding in findings):
            print(f"found by history {seed}: {findings[0][:300]}")
            return
    pytest.fail(f"{MOST_HISTORIES} histories did not find it")
