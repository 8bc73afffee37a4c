"""What people see, and what they may do: messages, cards, clicks, and a word to somebody whose click changes nothing."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from agent import metrics
from agent.approvals.deciders import APPS, why_not_asked
from agent.decide.facts import Facts
from agent.decide.for_clicks import is_settled
from agent.decide.move_outcome import Ended
from agent.decide.moves import (
    Admit,
    CardNotice,
    Cards,
    Content,
    DirectMessage,
    FindZones,
    Permit,
    Post,
    Question,
    Settle,
    ShowCard,
    ShowDirect,
    ShowNotice,
    TurnAway,
    Vouch,
    Work,
)
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.run import streams
from agent.run.background import Background
from agent.run.narration import Narration
from agent.run.ports import Surface
from agent.run.streams import is_opening
from agent.session.inbox import Click, Edit, OutcomeClick, told_in
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import ActionState, Session
from agent.session.steps import CardShown, DirectShown, GrantEnded, NoticeShown, Posted, Step
from agent.store.action_seen import settled_sentence
from agent.store.sessions import Store
from agent.text import mention
from agent.types import Place

UNSURE_SECONDS = 5.0  # that a person waits for a word on what they clicked
UNSURE = "Slack does not say right now what you may do here, so nothing counts yet. I keep asking; please wait a moment."

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeopleEffects:
    """Where people are.

    Wide because each method is one thing that people see, or are asked about.
    """

    surface: Surface
    store: Store
    background: Background
    told: set[int] = field(default_factory=set[int])  # inbox rows whose author knows that Slack does not answer

    async def post(self, move: Post, session: Session, narration: Narration) -> Ended:
        """Post, unless an earlier attempt did."""
        place = session.place
        if move.channel:
            place = place.model_copy(update={"channel": move.channel, "thread_ts": move.thread_ts})
        try:
            if move.to:
                place = place.model_copy(update={"channel": await self.surface.direct(move.to), "thread_ts": move.thread_ts})
            if is_opening(move):
                return Ended((await streams.open_stream(self.surface, move, session, narration),))
            if move.within is not None and await self._stands_with(move.within, session):
                return Ended((Posted(key=move.key, ts=session.actions[move.within.card.action_id].run.asked_ts),))
            ts = await self.surface.find(place, str(move.key)) if move.found else None
            if ts is None and move.stream_ts:
                ts = await streams.finish(self.surface, move, session, narration)
            content, too_few = await self._with_too_few(place, move.content)
            if ts is None:
                ts = await self.surface.post(place, content, str(move.key))
            elif isinstance(content, CardNotice):  # by an earlier process, as things stood then
                await self._show(place, content, ts, session)
        except RefusedError as error:
            return await self._refused(move, session, place, error)
        for gone in {move.stream_ts, move.instead_of} - {ts, ""}:  # only now that it stands elsewhere
            await self.surface.take_away(place, gone)
        return Ended((Posted(key=move.key, ts=ts, too_few=too_few), *_says(move.content, move.key)))

    async def _refused(self, move: Post, session: Session, place: Place, error: RefusedError) -> Ended:
        """Bring what Slack refused before people in another way.

        Nobody can decide on a card there, and the model is told so; who cannot be told directly is mentioned in the thread.
        """
        log.warning("session %s: %s cannot be posted: %s", session.id, move.key, error)
        metrics.post_failed(move.key.kind)
        if not isinstance(move.content, Cards | Work | DirectMessage) and session.turn.speakers and not place.direct:
            await self.surface.post_elsewhere(place, session.turn.speakers[0], move.content, str(error))
        await self._take_away_if_it_can_be(place, move.stream_ts)
        if move.instead_of:
            await self._show(place, move.content, move.instead_of, session)
        return Ended((Posted(key=move.key, error=str(error)), *_says(move.content, move.key)))

    async def _take_away_if_it_can_be(self, place: Place, ts: str) -> None:
        """Take away a message that grew, tried once: its words were just told elsewhere, and are not to be told again."""
        try:
            if ts:
                await self.surface.take_away(place, ts)
        except (DelayedError, UnclearError) as error:
            log.warning("message %s was not taken away: %s", ts, error)

    async def _with_too_few(self, place: Place, content: Content) -> tuple[Content, dict[str, str]]:
        """Return the content, cards that too few people can approve saying so, and those sentences by action."""
        if not isinstance(content, Cards):
            return content, {}
        waiting = [row for row in content.rows if row.look == "pending" and not row.too_few]
        said = {row.action_id: await self.surface.too_few(place, row.verdict, row.requesters) for row in waiting}
        rows = tuple(replace(row, too_few=said.get(row.action_id) or row.too_few) for row in content.rows)
        return Cards(rows), {action_id: why for action_id, why in said.items() if why}

    async def show(self, move: ShowCard, session: Session) -> Ended:
        """Bring a message with cards up to date, in every place, and what else shows one of them."""
        lagging = [row for row in move.cards.rows if session.actions[row.action_id].lags]
        shown = [
            CardShown(action_id=row.action_id, look=row.look, changes=session.actions[row.action_id].changes) for row in lagging
        ]
        alone = [(session.place.channel, ts, Cards((row,), answered=True)) for ts, row in move.alone]
        for channel, ts, cards in (*((*where, move.cards) for where in move.places), *alone):
            await self._show(session.place.model_copy(update={"channel": channel}), cards, ts, session)
        for gone in move.gone:
            await self.surface.take_away(session.place, gone)
        return Ended(tuple(shown))

    async def show_direct(self, move: ShowDirect, place: Place) -> Ended:
        """Bring a direct message up to date; one that is gone stays so."""
        try:
            there = place.model_copy(update={"channel": await self.surface.direct(move.to), "thread_ts": ""})
            await self.surface.show(there, move.content, move.ts)
        except RefusedError as error:
            metrics.post_failed("update")
            log.warning("the direct message %s stays as it is: %s", move.message, error)
        return Ended((DirectShown(key=move.message, over=move.over),))

    async def find_zones(self, move: FindZones) -> Ended:
        """Return in which time zones people are."""
        found = await asyncio.gather(*map(self.surface.time_zone, move.users))
        return Ended(facts=Facts(zones=frozenset(zip(move.users, found, strict=True))))

    async def show_notice(self, move: ShowNotice, session: Session) -> Ended:
        """Bring a notice up to date."""
        place = session.place.model_copy(update={"channel": move.channel}) if move.channel else session.place
        await self._show(place, move.content, move.ts, session)
        return Ended(_says(move.content, move.notice))

    async def _stands_with(self, question: Question, session: Session) -> bool:
        """Bring a question up to date with what the model says of it. False: Slack does not let us."""
        try:
            await self.surface.show(session.place, question, session.actions[question.card.action_id].run.asked_ts)
        except RefusedError as error:
            log.info("session %s: what was said is a separate message: %s", session.id, error)
            return False
        return True

    async def _show(self, place: Place, content: Content, ts: str, session: Session) -> None:
        """Bring a message up to date, if Slack lets us."""
        try:
            await self.surface.show(place, content, ts)
        except RefusedError as error:  # most often the message is gone: what became of the cards is told in the answer
            metrics.post_failed("update")
            log.warning("session %s: message %s in %s stays as it is: %s", session.id, ts, place.channel, error)

    # ------------------------------------------------------------------------------------------ who may

    async def admit(self, move: Admit, session: Session, rules: Rules) -> Ended:
        """Return whether the person may ask, as they are now. When Slack cannot be asked nothing is begun for them."""
        asking = self.surface.membership(move.user)
        askers = rules.askers | APPS if move.app else rules.askers
        refused = why_not_asked(await self._answer_or_whisper(asking, session.place, move.user, move.inbox_ids[0]), askers)
        if not refused:
            return Ended(facts=Facts(admitted=frozenset(move.inbox_ids)))
        self.background.begin(self.surface.whisper(session.place, move.user, refused))
        return Ended(inbox_ids=move.inbox_ids)

    async def judge_click(self, move: Settle, session: Session, rules: Rules) -> Ended:
        """Return whether the person may decide, asked at the click. When Slack cannot be asked nothing is counted."""
        if is_settled(session, move.click):
            return Ended(settle=move)  # the statement will say no
        action, user, told = session.actions[move.click.action_id], move.click.user, told_in(move.click, session.place)
        requesters = action.proposed.requesters
        asking = self._may_click(move.click, session.place, action, rules)
        if await self._answer_or_whisper(asking, told, user, move.inbox_id):
            return Ended(settle=move)
        verdict = action.proposed.verdict.model_copy(update={"approvers": action.approvers})
        self.background.begin(self.surface.tell_who_may_decide(told, user, verdict, requesters))
        return Ended(inbox_ids=(move.inbox_id,))

    async def _may_click(self, click: Click | Edit | OutcomeClick, place: Place, action: ActionState, rules: Rules) -> bool:
        """Return whether a click counts: the requester may edit as long as they may ask; the rest is for those who may decide."""
        requesters = action.proposed.requesters
        edits_own = isinstance(click, Edit) and click.user in requesters
        if edits_own and not why_not_asked(await self.surface.membership(click.user), rules.askers):
            return True
        return await self.surface.may_decide(place, click.user, action.approvers, requesters)

    async def permit(self, move: Permit, session: Session) -> Ended:
        """Return whether a person may stop or take back what others asked for: admins, and those who may approve what waits."""
        if await self._answer_or_whisper(self._may_stop(move.user, session), session.place, move.user, move.inbox_id):
            return Ended(facts=Facts(permitted=frozenset({move.inbox_id})))
        names = ", ".join(map(mention, session.requesters))
        text = f"Nothing was stopped: {names} asked for this, and only they, those who may approve it, and admins may stop it."
        self.background.begin(self.surface.whisper(session.place, move.user, text))
        return Ended(inbox_ids=(move.inbox_id,))

    async def _may_stop(self, user: str, session: Session) -> bool:
        for action in session.undecided():
            if await self.surface.may_decide(session.place, user, action.approvers, action.proposed.requesters):
                return True
        return await self.surface.is_admin(user)

    async def _answer_or_whisper(self, asking: Awaitable[T], place: Place, user: str, inbox_id: int) -> T:
        """Return Slack's answer. Without one, or while it takes its time, the person hears once that nothing counts yet. Raises
        what `asking` raises."""
        task = asyncio.ensure_future(asking)
        try:
            await asyncio.wait([task], timeout=UNSURE_SECONDS)
            if not task.done():
                self._say_unsure(place, user, inbox_id)
            answer = await task
        except (UnclearError, DelayedError):
            self._say_unsure(place, user, inbox_id)
            raise
        finally:
            task.cancel()
        self.told.discard(inbox_id)
        return answer

    def _say_unsure(self, place: Place, user: str, inbox_id: int) -> None:
        if inbox_id not in self.told:
            self.told.add(inbox_id)
            self.background.begin(self.surface.whisper(place, user, UNSURE))

    async def vouch(self, move: Vouch, session: Session) -> Ended:
        """Return whether a grant still holds: its giver must be allowed to decide now. When Slack cannot be asked nothing
        runs."""
        granted = session.standing.grants[move.grant_id].granted
        if await self.surface.may_decide(session.place, granted.by, granted.verdict.approvers, session.requesters):
            return Ended(facts=Facts(vouched=frozenset({(move.grant_id, move.call_id)})))
        await self.store.end_grant(move.grant_id)
        return Ended((GrantEnded(grant_id=move.grant_id),))

    # ------------------------------------------------------------------------------------------ a word to one person

    async def turn_away(self, move: TurnAway, place: Place) -> Ended:
        """Tell a person what comes of what they did."""
        self.background.begin(self.surface.whisper(told_in(move.of, place), move.of.user, move.text))
        return Ended(move.steps, inbox_ids=(move.inbox_id,))

    async def explain(self, place: Place, click: Click | Edit | OutcomeClick) -> None:
        """Tell the author of a click that changed nothing why."""
        seen = await self.store.action(click.action_id)
        if seen is None:
            text = "This card is not one of mine any more; nothing was changed."
        elif seen.status == "unknown":
            text = "Nothing was counted: the first run may still be under way, or others are needed too. Please wait a minute."
        elif seen.status == "pending" and seen.proposed.expires_at > datetime.now(UTC):
            text = "Your word counts already; others are still needed."
        elif seen.status == "pending":
            text = "This request has just run out of time; nothing was changed."
        else:
            text = settled_sentence(seen)
        await self.surface.whisper(told_in(click, place), click.user, text)


def _says(content: Content, key: PostKey) -> tuple[Step, ...]:
    """Return the step that a notice shows how things stand; none of any other message."""
    return (NoticeShown(notice=key, look=content.look),) if isinstance(content, CardNotice) else ()
