"""What people saw: whether it was all there, nothing of it was hidden, and nobody was asked for nothing."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from tests.histories.outside import UNSEEN, URLS, Outside, Run
from tests.histories.screens import Screen
from tests.histories.toolbox import PRICED

ASKED = re.compile(r"Asked by ([^·\n]*)")
MORE = re.compile(r" and \d+ more")  # names are cut, so all of them stand in a dialog


class Eyes:
    """What stood on the screens of a history."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._of: dict[str, list[Screen]] = {}
        for screen in outside.screens:
            for action_id in screen.action_ids:
                self._of.setdefault(action_id, []).append(screen)

    def has_seen(self, user: str, action_id: str, run: Run, at: datetime) -> bool:
        """Whether one screen had shown the person all of what ran: arguments, what its tool does, and its price."""
        return any(screen.holds(run.arguments) and _says_tool(screen, run) for screen in self._seen_by(user, action_id, at))

    def tool_was_seen(self, user: str, action_id: str, run: Run, at: datetime) -> bool:
        """Whether one screen had shown the person what the tool does, and its price."""
        return any(_says_tool(screen, run) for screen in self._seen_by(user, action_id, at))

    def _seen_by(self, user: str, action_id: str, at: datetime) -> Iterator[Screen]:
        return (screen for screen in self._of.get(action_id, []) if screen.at <= at and screen.reader in ("", user))

    def at_a_time(self, fresh: Mapping[str, datetime]) -> int:
        """Return how many cards stood open at a time, of those given, each with the moment at which it was decided."""
        began = {action_id: self._of[action_id][0].at for action_id in fresh if action_id in self._of}
        return max((sum(began[id] <= at < fresh[id] for id in began) for at in began.values()), default=0)

    def named(self, action_id: str, call_id: str) -> Iterator[str]:
        """The people whose words the model had read when it made a call are on its card while it waits, and the pages that it had
        read. A card that is decided before anybody sees it is two lines from the start."""
        requested = self._outside.requested.get(call_id)
        screens = [one for one in self._of.get(action_id, []) if one.buttons(action_id) & {"approve", "review"}]
        if not screens or requested is None:
            return
        text = "\n".join(text for screen in screens for text in screen.texts())
        asked = "".join(ASKED.findall(text))
        speakers = {user for user in self._outside.speakers(requested.text) if f"<@{user}>" not in asked}
        if speakers and not MORE.search(asked):
            yield f"{action_id} does not say that {sorted(speakers)} asked for it"
        read = [f"the page {url}" for url in dict.fromkeys(URLS) if f"From the page {url}: " in requested.text]
        if (unsaid := [page for page in read if page not in text]) and not MORE.search(text):
            yield f"{action_id} does not say that it was proposed after reading {unsaid}"

    def findings(self) -> Iterator[str]:
        """Return what must not stand on any screen."""
        for screen in self._outside.screens:
            text = "".join(screen.texts())
            unseen = [f"U+{ord(character):04X}" for character in UNSEEN if character in text]
            if unseen:
                yield f"{sorted(screen.action_ids)} show what nobody sees: {unseen}"
            open_text = "".join(screen.open_texts())
            for failing in self._outside.would_fail:
                if failing in open_text:
                    yield f"people were asked about a call that fails: {failing}"


def _says_tool(screen: Screen, run: Run) -> bool:
    """A price is on the screen, or that nobody could find one out."""
    priced = run.tool not in PRICED or not run.price or screen.says(run.price) or screen.says("No preview")
    return priced and screen.says(run.words)
