"""What an approval may start in the same statement: the run that would come next, and nothing that something stands before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.approvals.digest import action_digest
from agent.decide.at_once import run_at_once
from agent.decide.facts import NOTHING_FOUND
from agent.session.inbox import Click, Inboxed, StopPressed
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Posted, PostStarted, Step
from agent.tool.definition import Tool
from agent.types import Asker, Verdict
from tests.unit.shown import TOOLS
from tests.unit.test_machine import APPROVED, ASKED, CARD, NOW, PROPOSED, REPLIED, STARTED, WAITING, after

MAIL = TOOLS["mail"]
ASK = PROPOSED.verdict
YES = Click(action_id="A1", user="U2", decision="approved")
STOP = Inboxed(id=9, received=StopPressed(user="U1"))
PAYS = replace(MAIL, name="pay")


DIGEST = action_digest("T1:C1:1.0", PAYS, {"to": "ada"}, ASK, PAYS.wording(PAYS.arguments.model_validate({"to": "ada"})))
SHOWN = PROPOSED.model_copy(update={"digest": DIGEST, "expires_at": NOW + timedelta(hours=1)})


def waiting(*more: Step) -> Session:
    return after(*(SHOWN if step is PROPOSED else step for step in WAITING), *more)


def starts(session: Session, click: Click = YES, inbox: Sequence[Inboxed] = (), now: Verdict = ASK) -> bool:
    def judge(tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Verdict:
        return now

    rules = Rules({"pay": PAYS}, judge=judge)
    return run_at_once(session, click, inbox, rules, NOW, NOTHING_FOUND) is not None


def test_an_approval_starts_its_run() -> None:
    assert starts(waiting())


@pytest.mark.parametrize(
    ("session", "click", "inbox", "now"),
    [
        (waiting(), YES.model_copy(update={"decision": "rejected"}), (), ASK),
        (waiting(), YES.model_copy(update={"action_id": "A2"}), (), ASK),
        (waiting(APPROVED), YES, (), ASK),
        (waiting(), YES, (STOP,), ASK),
        (waiting(), YES, (), ASK.model_copy(update={"quorum": 2})),
        (waiting(), YES, (), ASK.model_copy(update={"answer": "refuse"})),
    ],
    ids=["a no", "of another", "decided before", "stopped", "stricter", "refused"],
)
def test_what_would_not_come_next_is_not_started(session: Session, click: Click, inbox: Sequence[Inboxed], now: Verdict) -> None:
    assert not starts(session, click, inbox, now)


def test_it_starts_its_own_run_and_not_that_of_a_sibling_which_was_approved_before() -> None:
    first = {**REPLIED.content[0], "id": "toolu_0"}
    both = REPLIED.model_copy(update={"content": (first, *REPLIED.content)})
    sibling = SHOWN.model_copy(update={"action_id": "A0", "call_id": "toolu_0"})
    key = PostKey("card", "A0")
    steps = (ASKED, STARTED, both, sibling, SHOWN, PostStarted(key=key), Posted(key=key, ts="2.5"), *CARD)
    session = after(*steps, APPROVED.model_copy(update={"action_id": "A0"}))
    run = run_at_once(session, YES, (), Rules({"pay": PAYS}), NOW, NOTHING_FOUND)
    assert run is not None
    assert run.action_id == "A1"
