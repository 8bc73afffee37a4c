"""One thread in sandbox Slack, moved by the real decisions and the real surface, whose process dies again and again.

The log is a list, and what comes next is asked of it after each effect, so that the thread can be looked at in between.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.move_outcome import Ended
from agent.decide.moves import (
    Admit,
    CallModel,
    Close,
    Outward,
    Post,
    Reconcile,
    Record,
    RunTool,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
)
from agent.decide.next_moves import next_moves
from agent.errors import DelayedError, UnclearError
from agent.run.background import Background
from agent.run.narration import Narration
from agent.run.people_effects import PeopleEffects
from agent.session.inbox import Click, Edit, Inboxed, Message, OutcomeClick, Received, Withdraw
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import ActionState, Session
from agent.session.steps import (
    ActionDecided,
    Edited,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    PostStarted,
    Step,
    ToolReturned,
    ToolStarted,
    Voted,
)
from agent.store.sessions import Store
from agent.types import Approvers, Block, Escalation, Place, Said, Usage, Verdict
from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.types import Message as Posting
from bot.slack.surface import SlackSurface
from tests.unit.shown import TOOLS

NOBODY = Store(AsyncConnectionPool("", open=False))  # nothing here is kept
USED = Usage(input_tokens=1, output_tokens=1)
InSlack = Post | ShowCard | ShowNotice | ShowDirect
CALLS = ("chat.postMessage", "chat.update", "chat.delete")
SHOWS_ONLY = frozenset({"feedback", "wrong_answer", "show_all", "details"})  # buttons that open something, at any time


class AnyThread:
    """A session and its thread. `wrong`: what must never be seen; `seen`: what has happened.

    Wide because it is all of a session: its log, its inbox, its clock, the process that drives it, and its thread.
    """

    def __init__(self, slack: SlackSandbox, surface: SlackSurface, ts: str, seed: int) -> None:
        self.slack, self.random = slack, Random(seed)
        self.place = Place(team=slack.team_id, channel=slack.channels["orders"], thread_ts=ts)
        self.copies = slack.channels["support"]
        self.session = Session(f"T1:{ts}", self.place, epoch=1)
        self.inbox: list[Inboxed] = []
        self.now = datetime.now(UTC)
        self.wrong: list[str] = []
        self.seen: Counter[str] = Counter()
        self.surface, self.people = surface, PeopleEffects(surface, NOBODY, Background())
        self._facts, self._rows, self._stood = NOTHING_FOUND, 0, set[tuple[str, str]]()
        self._verdict = Verdict(
            answer="ask",
            rule="rule 1",
            approvers=Approvers(users=(slack.people["ann"], slack.people["ben"])),
            quorum=2,
            expires_seconds=12 * 3600,
            remind_seconds=3600,
            escalation=Escalation(after_seconds=4 * 3600, to=Approvers(users=(slack.people["cleo"],))),
            notify=self.random.choice(("dm", "mention", "none")),
            post_to=self.copies if self.random.random() < 0.5 else "",
        )

    # ------------------------------------------------------------------------------------------ what people do, and the clock

    def act(self) -> None:
        """Something happens."""
        waiting = self.session.undecided()
        unknown = [action for action in self.session.actions.values() if action.look == "unknown"]
        what = self.random.choice(["message", "message", "hour", "hour", "night", "vote", "vote", "withdraw", "edit", "outcome"])
        self.seen[what] += 1
        match what:
            case "hour" | "night":
                self.now += timedelta(hours=1 if what == "hour" else 8)
            case "message":
                self._receive(Message(said=Said(user=self._someone("dan", "ann"), text="And now?", ts=f"{self._rows}.0")))
            case "vote" if waiting:
                action = self.random.choice(waiting)
                decision = "approved" if self.random.random() < 0.7 else "rejected"
                user = self.random.choice(action.approvers.users)
                self._receive(Click(action_id=action.proposed.action_id, user=user, decision=decision))
            case "withdraw" if waiting:
                ids = tuple(action.proposed.action_id for action in waiting)
                self._receive(Withdraw(user=self._someone("ann"), action_ids=ids))
            case "edit" if waiting:
                action_id = self.random.choice(waiting).proposed.action_id
                arguments: dict[str, Any] = {"to": f"{self._rows}"}
                self._receive(Edit(action_id=action_id, user=self._someone("ann"), arguments=arguments))
            case "outcome" if unknown:
                answer = self.random.choice(["happened", "leave"])
                click = {"action_id": unknown[0].proposed.action_id, "user": self._someone("ann"), "answer": answer}
                self._receive(OutcomeClick.model_validate(click))
            case _:
                pass

    def asks(self) -> None:
        """Ann asks."""
        self._receive(Message(said=Said(user=self._someone("ann"), text="Please.", ts="0.0")))

    def _someone(self, *names: str) -> str:
        return self.slack.people[self.random.choice(names)]

    def _receive(self, received: Received) -> None:
        self._rows += 1
        self.inbox.append(Inboxed(id=self._rows, received=received))

    # ------------------------------------------------------------------------------------------ what the process makes of it

    async def drive(self) -> None:
        """Make every move until none is left; the process dies on the way, or Slack's answers get lost."""
        for _ in range(300):
            moves = next_moves(self.session, self.inbox, self._rules(), self.now, self._facts)
            if not moves:
                return self._look_at_rest()
            await self._make(self.random.choice(moves))
            self._look()
        raise AssertionError("the session does not come to rest")

    def _rules(self) -> Rules:
        return Rules(TOOLS, judge=lambda tool, arguments, asker: self._verdict)

    def _apply(self, *steps: Step) -> None:
        for step in steps:
            self.session = apply(self.session, step, self.session.epoch)

    def _taken(self, ids: tuple[int, ...]) -> None:
        self.inbox = [row for row in self.inbox if row.id not in ids]

    def _dies(self) -> bool:
        """The process dies, and another one carries on: it knows what is written, and nothing else."""
        if self.random.random() < 0.9:
            return False
        self.session, self._facts = replace(self.session, epoch=self.session.epoch + 1), NOTHING_FOUND
        self.seen["deaths"] += 1
        return True

    async def _make(self, move: Record | Outward) -> None:
        match move:
            case Record(steps=steps, inbox_ids=ids):
                self._apply(*steps)
                self._taken(ids)
            case Admit(inbox_ids=ids):
                self._facts |= Facts(admitted=frozenset(ids))
            case CallModel(iteration=iteration):
                self._apply(ModelStarted(iteration=iteration, reserved_tokens=10, max_tokens=5), self._reply(iteration))
            case RunTool(call=call):
                self._apply(ToolStarted(call_id=call.id, idempotency_key=move.idempotency_key, action_id=move.action_id))
                if not self._dies():
                    self._apply(ToolReturned(call_id=call.id, outcome="succeeded", text='{"ok":true}'))
            case Reconcile(call=call):
                self._apply(ToolReturned(call_id=call.id, outcome="unknown", text='{"ok":false}'))
            case Close(action_id=id, decision=decision, by=by):
                self._apply(ActionDecided(action_id=id, decision=decision, by=by, decided_at=self.now))
            case Settle(inbox_id=row, click=click):
                self._settle(click)
                self._taken((row,))
            case Post() | ShowCard() | ShowNotice() | ShowDirect():
                await self._in_slack(move)
            case _:
                raise AssertionError(f"{move} has no place here")

    async def _in_slack(self, move: InSlack) -> None:
        if isinstance(move, Post):
            self._apply(PostStarted(key=move.key))
            self._taken(move.inbox_ids)
        if self._dies():
            return
        if self.random.random() < 0.2:
            fault = self.random.choice([self.slack.faults.fail, self.slack.faults.drop_after])
            fault(self.random.choice(CALLS))
        try:
            ended = await self._effect(move)
        except (UnclearError, DelayedError):
            self.seen["lost answers"] += 1
            return
        if not self._dies():
            self._apply(*ended.steps)

    async def _effect(self, move: InSlack) -> Ended:
        match move:
            case Post():
                return await self.people.post(move, self.session, Narration(self.surface, self.place))
            case ShowCard():
                return await self.people.show(move, self.session)
            case ShowNotice():
                return await self.people.show_notice(move, self.session)
            case ShowDirect():
                return await self.people.show_direct(move, self.place)

    def _reply(self, iteration: int) -> ModelReplied:
        number = self.session.seq
        calls: list[Block] = [
            {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": "mail", "input": {"to": f"{number} {at}"}}
            for at in range(self.random.randint(1, 2))
        ]
        if iteration == 1:
            return ModelReplied(content=tuple(calls), stop_reason="tool_use", usage=USED)
        return ModelReplied(content=({"type": "text", "text": "That is it."},), stop_reason="end_turn", usage=USED)

    def _settle(self, click: Click | Edit | OutcomeClick) -> None:
        """As the statements do."""
        action = self.session.actions.get(click.action_id)
        match click:
            case OutcomeClick() if action is not None and action.look == "unknown":
                told = {"action_id": click.action_id, "by": click.user, "answer": click.answer, "told_at": self.now}
                self._apply(OutcomeTold.model_validate(told))
            case Edit() if action is not None and action.decided is None:
                self._apply(Edited(action_id=click.action_id, by=click.user, arguments=click.arguments, edited_at=self.now))
            case Click() if action is not None and action.decided is None:
                self._vote(action, click)
            case _:
                pass

    def _vote(self, action: ActionState, click: Click) -> None:
        if click.decision == "approved" and not set(action.votes.approved_by) - {click.user}:
            if click.user not in action.votes.approved_by:
                self._apply(Voted(action_id=click.action_id, by=click.user))
            return
        decided = {"action_id": click.action_id, "decision": click.decision, "by": click.user, "decided_at": self.now}
        self._apply(ActionDecided.model_validate(decided))

    # ------------------------------------------------------------------------------------------ what people see

    def posts(self) -> Iterator[Posting]:
        """What the bot has posted, in the thread and around the copies of its cards."""
        for channel in (self.place.channel, self.copies):
            yield from (message for message in self.slack.workspace.messages[channel].values() if message.bot_id)

    def _standing(self) -> Counter[tuple[str, str]]:
        """How many notices stand, by channel and by the card that they are about."""
        keys = [(message.channel, str((message.metadata or {}).get("event_payload", {}).get("key"))) for message in self.posts()]
        return Counter((channel, key.rpartition(":")[0]) for channel, key in keys if "notice:" in key)

    def _look(self) -> None:
        """At each moment a notice that was needed stands, and it is only for the moment of a move that two do."""
        standing = self._standing()
        self._stood |= set(standing)
        self.wrong += [f"{standing[notice]} of {notice} stand" for notice in self._stood if standing[notice] not in (1, 2)]

    def _look_at_rest(self) -> None:
        """One notice stands of each, whatever can be pressed is answered, and so is every message that is queued."""
        self.seen["looks"] += 1
        self.seen["notices"] = len(self._stood)
        self.wrong += [f"{count} of {notice} stand at rest" for notice, count in self._standing().items() if count != 1]
        waiting = {action.proposed.action_id for action in self.session.undecided()}
        alive = waiting | {id for id, action in self.session.actions.items() if action.look == "unknown"}
        for message in self.posts():
            for element in (element for block in message.blocks for element in elements_of(block)):
                if element["action_id"] not in SHOWS_ONLY and not any(id in json.dumps(element) for id in alive):
                    self.wrong.append(f"[{element['action_id']}] of {message.seen_text!r} is dead")
        by_ts = {(message.channel, message.ts): message.seen_text for message in self.posts()}
        for action in self.session.actions.values():
            for channel, notice in ((self.place.channel, action.shown.notice), (self.copies, action.shown.copy_notice)):
                count, text = notice.look.queued if notice.look is not None else 0, by_ts.get((channel, notice.ts), "")
                told = "Your message is queued" if count == 1 else f"{count} messages are queued" if count else ""
                if told not in text or (not told and "queued" in text):
                    self.wrong.append(f"{text!r} is to say that {count} are queued")
        queued = [row for row in self.inbox if isinstance(row.received, Message)]
        said = [message.seen_text for message in self.posts() if message.channel == self.place.channel]
        if queued and waiting and not any("queued" in text and "[Withdraw and continue]" in text for text in said):
            self.wrong.append(f"{len(queued)} messages wait unanswered")
