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
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Step
from agent.tool.definition import Tool
from agent.types import Asker, Verdict
from tests.unit.shown import TOOLS
from tests.unit.test_machine import APPROVED, NOW, PROPOSED, WAITING, after

MAIL = TOOLS["mail"]
ASK = PROPOSED.verdict
YES = Click(action_id="A1", user="U2", decision="approved")
STOP = Inboxed(id=9, received=StopPressed(user="U1"))
PAYS = replace(MAIL, name="pay")


def waiting(*more: Step) -> Session:
    digest = action_digest("T1:C1:1.0", PAYS, {"to": "ada"}, ASK, PAYS.wording(PAYS.arguments.model_validate({"to": "ada"})))
    shown = PROPOSED.model_copy(update={"digest": digest, "expires_at": NOW + timedelta(hours=1)})
    return after(*(shown if step is PROPOSED else step for step in WAITING), *more)


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
