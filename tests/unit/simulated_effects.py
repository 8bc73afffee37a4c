"""How moves of a simulated session begin, and what comes of each: that is left to chance."""

from typing import Any

from agent.decide.facts import Facts
from agent.decide.moves import (
    Admit,
    CallModel,
    CardNotice,
    Close,
    CountCards,
    FetchFile,
    FindZones,
    MakePreview,
    Outward,
    Permit,
    Post,
    Recall,
    Reconcile,
    Repin,
    RunTool,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
    TurnAway,
    Vouch,
)
from agent.memory import compaction, extraction
from agent.session.steps import (
    Attached,
    CardShown,
    DirectShown,
    GrantEnded,
    Learnt,
    ModelFailed,
    ModelStarted,
    NoticeShown,
    Posted,
    PostStarted,
    Previewed,
    Recalled,
    ToolReturned,
    ToolStarted,
)
from agent.tool.definition import Effect
from agent.types import Origin, Outcome, Preview, Usage
from tests.unit.simulated_clicks import SimulatedClicks
from tests.unit.simulated_rules import FREELY, TOOLS


class SimulatedEffects(SimulatedClicks):
    """The start and the end of every move."""

    def begin(self, move: Outward) -> None:
        """Commit the start."""
        match move:
            case CallModel(purpose="compact") if self.random.random() < 0.2 or not compaction.summary_request(
                self.session, self.said
            ):
                self.apply(compaction.compaction_step(self.session, self.said, None))  # no budget, or nothing to sum up
                return
            case CallModel(purpose="learn") as call:
                if not extraction.learning_request(self.said, ()) or self.random.random() < 0.2:
                    self.apply(Learnt())
                    return
                self.apply(ModelStarted(iteration=call.iteration, reserved_tokens=10, max_tokens=5, purpose="learn"))
            case CallModel(purpose="reply") if self.session.model.outage_since is None and self.random.random() < 0.03:
                self.apply(ModelFailed(reason="unavailable", since=self.now))  # another session has found out
                return
            case CallModel(iteration=iteration, purpose=purpose, lifetime=lifetime):
                compact = purpose == "compact"
                messages = compaction.summary_request(self.session, self.said) if compact else self.said.messages()
                self.wire.ask(messages, purpose, lifetime, in_turn=self.session.turn.open)
                self.apply(ModelStarted(iteration=iteration, reserved_tokens=10, max_tokens=5, purpose=purpose))
            case RunTool(call=call, idempotency_key=key, grant_id=str(grant_id), digest=str(digest)):
                assert (grant_id, call.id) in self.facts.vouched, "nobody asked whether the grant's giver may still decide"
                if grant_id not in self.session.standing.grants:  # it failed a sibling just now
                    return
                if not self.passes(grant_id, call.arguments):
                    self.apply(GrantEnded(grant_id=grant_id))
                    return
                self.apply(ToolStarted(call_id=call.id, idempotency_key=key, grant_id=grant_id, digest=digest))
            case RunTool(call=call, idempotency_key=key, action_id=action_id, digest=digest):
                repeated = digest is None and TOOLS[call.tool].repeatable
                if TOOLS[call.tool].effect is not Effect.READ and not repeated:
                    if action_id is None:
                        assert FREELY in self.policy.rules, "a write ran without an approval that covers it"
                        assert call.tool == FREELY.tool
                    else:
                        assert action_id in self.approvals, "a write ran without an approval that covers it"
                        assert self.session.actions[action_id].proposed.arguments == call.arguments, "it ran something else"
                        self.approvals.discard(action_id)
                    self.ran[call.id] = self.ran.get(call.id, 0) + 1
                    assert self.ran[call.id] == 1 or call.id in self.again, "a write ran twice"
                grant_id = move.grant_id
                self.apply(ToolStarted(call_id=call.id, idempotency_key=key, action_id=action_id, grant_id=grant_id))
            case ShowCard(cards=shown):
                lagging = [action for row in shown.rows if (action := self.session.actions[row.action_id]).lags]
                self.showing[move.key] = [
                    CardShown(action_id=action.proposed.action_id, look=action.look, changes=action.changes) for action in lagging
                ]
            case Post(key=key, inbox_ids=ids):
                self.apply(PostStarted(key=key))
                self.taken(ids)
            case _:
                pass
        self.under_way[move.key] = move

    def passes(self, grant_id: str, arguments: dict[str, Any]) -> bool:
        """As the gate of grants does, and that the grant is one for this call."""
        granted = self.grants[grant_id]
        assert arguments.get("n", 0) == granted.pattern[0].value, "a grant let another call run"
        asked_before = self.session.standing.grants[grant_id].seq > self.session.model.reply_seq
        assert not asked_before, "a grant released a sibling that was asked for before"
        if grant_id in self.revoked or self.now >= granted.expires_at or self.uses[grant_id] >= granted.most_uses:
            return False
        self.uses[grant_id] += 1
        return True

    def end(self, move: Outward) -> None:
        """The effect has ended, somehow."""
        del self.under_way[move.key]
        match move:
            case CallModel(purpose="compact"):
                if self.session.model.in_flight is not None:
                    self.apply(compaction.compaction_step(self.session, self.said, self.wire.summary()))
            case CallModel(purpose="learn"):
                if self.session.model.in_flight is not None:
                    self.apply(Learnt(count=1, usage=Usage(input_tokens=3, output_tokens=2)))
            case CallModel():
                if self.session.model.in_flight is not None:
                    self.apply(self.wire.reply(self.session, self.now))
            case FetchFile(file=file):
                if file in self.session.turn.unread:
                    self.apply(Attached(file_id=file.id, blocks=({"type": "text", "text": "1,2"},), source="a.csv"))
            case Recall():
                if self.session.turn.open and not self.session.turn.recalled and not self.session.turn.ending.closing:
                    if self.session.context.origins and self.random.random() < 0.3:  # something was forgotten meanwhile
                        self.apply(compaction.begun_anew(self.session))
                        assert "Tuesday" not in str(self.said.messages())
                        assert not self.session.context.origins
                    told = Recalled(
                        text="Deploys are on Tuesday.", channels=("C2",), sources=("memory",), origins=(Origin(fact=self.rows),)
                    )
                    self.apply(told)
            case MakePreview(call_id=call_id):
                if any(state.call.id == call_id and state.phase in ("asked", "approved") for state in self.session.turn.calls):
                    self.apply(Previewed(call_id=call_id, preview=Preview(trouble="none")))
            case Admit(inbox_ids=ids, user=user):
                if user == "U1" or self.random.random() < 0.9:
                    self.facts |= Facts(admitted=frozenset(ids))
                else:
                    self.taken(ids)
            case Permit(inbox_id=row):
                if self.random.random() < 0.5:
                    self.facts |= Facts(permitted=frozenset({row}))
                else:
                    self.taken((row,))
            case TurnAway(inbox_id=row, steps=steps):
                for step in steps:
                    self.apply(step)
                self.taken((row,))
            case ShowDirect(message=key, over=over):
                self.apply(DirectShown(key=key, over=over))
            case FindZones(users=users):
                zones = ("", "Europe/Berlin", "Pacific/Auckland")
                self.facts |= Facts(zones=frozenset((user, self.random.choice(zones)) for user in users))
            case Repin():
                pass  # it was recorded
            case CountCards(reply_seq=reply_seq):
                self.facts |= Facts(elsewhere=frozenset({(reply_seq, self.random.choice((0, 0, 3, 30)))}))
            case Vouch(grant_id=grant_id, call_id=call_id):
                if not any(state.call.id == call_id and state.phase == "asked" for state in self.session.turn.calls):
                    pass  # nobody waits for it any more
                elif self.random.random() < 0.8:
                    self.facts |= Facts(vouched=frozenset({(grant_id, call_id)}))
                elif grant_id in self.session.standing.grants:
                    self.apply(GrantEnded(grant_id=grant_id))
            case RunTool(call=call) if all(one.call.id != call.id or one.phase != "running" for one in self.session.turn.calls):
                pass  # given up after a Stop
            case RunTool(call=call):
                outcomes: tuple[Outcome, ...] = ("succeeded", "failed", "unknown")
                outcome = self.random.choice(outcomes)
                if TOOLS[call.tool].repeatable and outcome == "unknown":
                    outcome = "failed"
                self.apply(ToolReturned(call_id=call.id, outcome=outcome, text=self.wire.result()))
            case Reconcile(call=call):
                self.apply(ToolReturned(call_id=call.id, outcome="unknown", text='{"ok":false}'))
            case Post(key=key, content=content):
                error = self.random.choice(["", "", "", "restricted_action"])
                self.apply(Posted(key=key, ts="" if error else "9.0", error=error))
                if isinstance(content, CardNotice):
                    self.apply(NoticeShown(notice=key, look=content.look))
            case ShowNotice(content=content, notice=key):
                self.apply(NoticeShown(notice=key, look=content.look))
            case ShowCard():
                for shown in self.showing.pop(move.key):  # what was rendered, whatever has happened since
                    self.apply(shown)
            case Settle(inbox_id=row, click=click):
                self.taken((row,))
                self.settle(click)
            case Close(action_id=action_id, decision=decision, by=by):
                self.decide(action_id, decision, by)
