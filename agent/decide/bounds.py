"""How much one reply may call, and how many cards may wait: past that nobody is asked, and the model reads why."""

from datetime import datetime, timedelta

from agent.session.rules import Bounds
from agent.session.state import CallState, Session


def too_many_calls(session: Session, state: CallState, bounds: Bounds) -> str | None:
    """Return why this call of the latest reply is one too many; None: it is not."""
    calls = session.turn.calls
    place = next(place for place, other in enumerate(calls) if other.call.id == state.call.id)
    if state.edited_by or place < bounds.calls_per_reply:
        return None
    return (
        f"Not run: a reply may make at most {bounds.calls_per_reply} calls, and this one made {len(calls)}. The first "
        f"{bounds.calls_per_reply} were taken. Go on with the others when you have those results, at most as many at a time."
    )


def too_many_cards(session: Session, bounds: Bounds, now: datetime, elsewhere: int) -> str | None:
    """Return why people cannot be asked about one more call just now; None: they can.

    `elsewhere`: cards that wait in other conversations of the person who asked first.
    """
    asked = sum(at > now - timedelta(hours=1) for at in session.standing.asked_at)
    if bounds.cards_per_hour is not None and asked >= bounds.cards_per_hour:
        return (
            f"Not asked: this conversation has asked for {asked} approvals within an hour, and may ask for "
            f"{bounds.cards_per_hour}. Say what you would have done, and go on later."
        )
    here = len(session.undecided())
    if here >= bounds.open_cards:
        return (
            f"Not asked: {here} requests of this conversation wait for people already, and no more than {bounds.open_cards} may. "
            "Say what you would have done; it can be asked for when they have decided some of those."
        )
    everywhere = here + elsewhere
    if bounds.open_cards_per_person is not None and everywhere >= bounds.open_cards_per_person:
        return (
            f"Not asked: {everywhere} requests of the person who asked wait for people, in all their conversations, and no more "
            f"than {bounds.open_cards_per_person} may. Tell them so: some must be decided or withdrawn first."
        )
    return None
