"""People: they write, click, click twice, click too late, edit, withdraw, stop, allow for good, and say what happened."""

import asyncio
from collections.abc import Sequence
from random import Random

from agent.decide import for_cards
from agent.decide.moves import Card, Question
from agent.reports.home_overview import Overview
from agent.session.inbox import Click, ContinueClick, Edit, Message, OutcomeClick, Received, StopPressed, Withdraw
from agent.session.state import ActionState
from agent.store.sessions import Store
from agent.types import Allowed, Attachment, OutcomeAnswer, Place, Said, Wish
from bot.cards.review import review_view
from tests.histories.outside import CHANNEL, EVERYBODY, PEOPLE, Outside, Sent, now
from tests.histories.screens import Screen
from tests.histories.toolbox import Toolbox

OUTCOMES: Sequence[OutcomeAnswer] = ("run_again", "run_again", "happened", "leave")


class People:
    """Everybody. What they see is in the threads; what they do goes in as the edge takes it in.

    Wide because each method is one thing that people do at random.
    """

    def __init__(self, outside: Outside, store: Store, overview: Overview, team: str) -> None:
        self._outside, self._store, self._overview, self._team = outside, store, overview, team
        self._random: Random = outside.random
        self._tools = Toolbox(outside)
        self._late: set[asyncio.Task[None]] = set()
        self._keys = 0
        self.places = [
            Place(team=team, channel=CHANNEL, thread_ts=f"{number}.0") for number in range(1, self._random.randint(2, 6) + 1)
        ]

    async def come(self) -> None:
        """Everybody says something, each in a separate thread."""
        for place in self.places:
            await self._say(place, self._random.choice(PEOPLE))

    async def go(self) -> None:
        """Until nobody is about to click any more. Before they go, somebody looks at each question that stands there."""
        if self._late:
            await asyncio.gather(*self._late)
        for card in self._asked():
            click = {"action_id": card.action_id, "user": self._anybody(), "answer": self._random.choice(OUTCOMES)}
            await self._send(self._place_of(card), OutcomeClick.model_validate(click))

    async def act(self) -> None:
        """Somebody does something."""
        acts = {
            self._click_at_random: 10,
            self._click_together: 5,
            self._approve_everything: 8,
            self._approve_what_has_changed: 5,
            self._click_in_time_or_not: 7,
            self._edit: 2,
            self._tell: 6,
            self._talk: 4,
            self._withdraw: 1,
            self._stop: 1,
            self._continue: 1,
            self._revoke: 1,
        }
        [act] = self._random.choices(list(acts), list(acts.values()))
        self._outside.tally[act.__name__.strip("_").replace("_", " ")] += 1
        await act()

    # ------------------------------------------------------------------------------------------ what they do

    async def _talk(self) -> None:
        await self._say(self._random.choice(self.places), self._anybody())

    async def _say(self, place: Place, user: str) -> None:
        forms = ("text", "text", "text", "bare", "too_long")
        form = self._random.choice(forms) if self._keys >= len(self.places) else "text"
        text = f"Hello in {self._team}:{CHANNEL}:{place.thread_ts}. This is word {self._keys}." if form == "text" else ""
        files = (Attachment(id=f"F{self._keys}", name="a.png"),) if text and self._keys % 3 == 1 else ()
        said = Said(user=user, text=text, ts=f"{self._keys}.0", files=files)
        await self._send(place, Message(said=said, form=form), twice=self._random.random() < 0.3, opens=True)

    async def _click_at_random(self) -> None:
        card = self._card()
        if card is not None:
            await self._click(card, self._anybody())

    async def _click_together(self) -> None:
        """Several people on one card, at the same moment."""
        if (card := self._card()) is not None:
            users = self._random.sample(EVERYBODY, k=self._random.randint(2, 4))
            await asyncio.gather(*(self._click(card, user) for user in users))

    async def _approve_everything(self) -> None:
        """Some people, whatever is open."""
        users = self._random.sample(EVERYBODY, k=self._random.randint(1, 5))
        await asyncio.gather(*(self._click(card, user, decision="approved") for card in self._open() for user in users))

    async def _approve_what_has_changed(self) -> None:
        """Everybody, right after it."""
        self._outside.tools_move()
        cards = self._open()
        cards = self._random.sample(cards, k=min(len(cards), 2))
        await asyncio.gather(*(self._click(card, user, decision="approved") for card in cards for user in EVERYBODY))

    async def _click_in_time_or_not(self) -> None:
        """Right when the time of a card runs out."""
        soon = [card for card in self._open() if (card.expires_at - now()).total_seconds() < 3]
        if soon:
            task = asyncio.create_task(self._wait_and_click(self._random.choice(soon)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _wait_and_click(self, card: Card) -> None:
        left = (card.expires_at - now()).total_seconds()
        await asyncio.sleep(max(0.0, left + self._random.uniform(-0.12, 0.03)))
        users = self._random.sample(EVERYBODY, k=3)
        await asyncio.gather(*(self._click(card, user, decision="approved") for user in users))

    async def _edit(self) -> None:
        if (card := self._card()) is not None:
            new = self._outside.call()["input"] if self._random.random() < 0.3 else {"n": self._random.randint(0, 4)}
            edit = Edit.model_validate({"action_id": card.action_id, "user": self._anybody(), "arguments": new})
            await self._send(self._place_of(card), edit)

    async def _tell(self) -> None:
        if asked := self._asked():
            card = self._random.choice(asked)
            answer = self._random.choice(OUTCOMES)
            users = self._random.sample(EVERYBODY, k=self._random.choice([1, 1, 4]))
            place = self._place_of(card)
            said = [{"action_id": card.action_id, "user": user, "answer": answer} for user in users]
            clicks = [self._send(place, OutcomeClick.model_validate(click)) for click in said]
            further = [self._say(place, self._anybody())] if self._random.random() < 0.4 else []
            await asyncio.gather(*clicks, *further)

    def _asked(self) -> list[Card]:
        """What became of which calls people are asked."""
        contents = [message.content for message in self._outside.threads.messages.values()]
        return [content.card for content in contents if isinstance(content, Question)]

    async def _withdraw(self) -> None:
        if cards := self._open():
            place = self._place_of(self._random.choice(cards))
            ids = tuple(card.action_id for card in cards if self._place_of(card) == place)
            await self._send(place, Withdraw(user=self._anybody(), action_ids=ids))

    async def _stop(self) -> None:
        place, user = self._random.choice(self.places), self._anybody()
        if self._random.random() < 0.5:
            await self._send(place, StopPressed(user=user))
        else:
            await self._send(place, Message(said=Said(user=user, text="stop", ts=f"{self._keys}.0")))

    async def _continue(self) -> None:
        for place in self.places:
            await self._send(place, ContinueClick(turn=self._random.randint(1, 4), user=self._anybody()))

    async def _revoke(self) -> None:
        for user in PEOPLE:
            for seen in await self._overview.grants(self._team, user):
                if self._random.random() < 0.5:
                    await self._overview.revoke(seen.granted.grant_id, user)

    # ------------------------------------------------------------------------------------------ how they do it

    async def _click(self, card: Card, user: str, decision: str = "") -> None:
        """On a button that stands there, or stood there a moment ago."""
        decision = decision or self._random.choice(["approved", "approved", "approved", "rejected"])
        buttons = {button for screen in self._outside.screens for button in screen.buttons(card.action_id)}
        if decision == "approved" and "approve" not in buttons and not await self._review(card, user):
            return
        wish = self._wish(card) if "always" in buttons and self._random.random() < 0.4 else None
        click = Click.model_validate({"action_id": card.action_id, "user": user, "decision": decision, "wish": wish})
        await self._send(self._place_of(card), click, twice=self._random.random() < 0.2)

    async def _review(self, card: Card, user: str) -> bool:
        """Open the dialog of a card that is not whole, as `bot.dialogs.dialogs` does. False: there is none any more."""
        seen = await self._store.action(card.action_id)
        if seen is None or seen.status != "pending":
            return False
        view = review_view(for_cards.card(ActionState(seen.proposed)), self._tools.get(seen.proposed.tool))
        self._outside.screens.append(Screen(now(), view["blocks"], frozenset({card.action_id}), reader=user))
        self._outside.tally["reviews"] += 1
        return True

    def _wish(self, card: Card) -> Wish:
        free = [Allowed(argument=name, to_be="anything") for name in card.arguments if name == "note"]
        to_be = self._random.choice(["exactly", "at_most"]) if "n" in card.arguments else "exactly"
        name = "n" if "n" in card.arguments else "url"
        allowed = Allowed.model_validate({"argument": name, "to_be": to_be, "value": card.arguments[name]})
        lasts_seconds, most_uses = self._random.choice([1, 3600]), self._random.randint(1, 3)
        return Wish(pattern=(allowed, *free), lasts_seconds=lasts_seconds, most_uses=most_uses)

    async def _send(self, place: Place, received: Received, *, twice: bool = False, opens: bool = False) -> None:
        """As the edge does; `twice`: the delivery is repeated, at the same moment."""
        self._keys += 1
        key = f"{self._team}:{self._keys}"
        self._outside.sent.append(Sent(now(), received))
        await asyncio.gather(*(self._store.receive(place, key, received, opens=opens) for _ in range(1 + twice)))

    def _anybody(self) -> str:
        return self._random.choice(EVERYBODY)

    def _open(self) -> list[Card]:
        return [card for card in self._outside.threads.cards() if card.look == "pending"]

    def _card(self) -> Card | None:
        """Mostly one that is open, else one that is long settled."""
        cards = self._open() if self._random.random() < 0.85 else self._outside.threads.cards()
        return self._random.choice(cards) if cards else None

    def _place_of(self, card: Card) -> Place:
        """The thread that the card belongs to, wherever it stands."""
        return self.places[int(float(self._outside.card_threads[card.action_id])) - 1]
