"""What comes next. Pure: no clock, network or database; the same session, inbox and rules give the same moves."""

from collections.abc import Sequence
from datetime import datetime

from agent import stop_reasons
from agent.call_moves import call_moves
from agent.card_moves import card_moves
from agent.errors import AgentMaxIterationsError, ModelFailedError, ModelRetiredError
from agent.inbox_moves import inbox_moves
from agent.moves import Answer, CallModel, Cards, MakePreview, Move, Notice, Post, Record, Repin
from agent.received import Inboxed
from agent.rules import Rules
from agent.session import FINAL, Session
from agent.steps import Halted, ProposedAction

GIVEN_UP = "The model has been out of reach all this time, so I gave up. Nothing more was run; please ask again later."
MOVES_NEXT_TURN = (
    "The model that I began this with was retired in between. Nothing more was run; ask again, and I go on with another."
)


def next_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules, now: datetime) -> tuple[Move, ...]:
    """Everything that can be done now. Nothing: the session is idle or waits for people.

    A move that is being made is named again (same key): whoever makes them knows what is under way. Steps to be recorded
    come alone, since they may change what comes next.
    """
    moves = (*inbox_moves(session, inbox, rules), *card_moves(session, now), *_turn_moves(session, rules, now))
    records = tuple(move for move in moves if isinstance(move, Record))
    return records[:1] or _one_of_each(moves)


def _one_of_each(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The first move of each key: clicks on one action are judged one after the other, in the order they came."""
    first: dict[str, Move] = {}
    for move in moves:
        assert not isinstance(move, Record)
        first.setdefault(move.key, move)
    return tuple(first.values())


def _turn_moves(session: Session, rules: Rules, now: datetime) -> list[Move]:
    if not session.open:
        return []
    if session.closing is not None:
        return _closing_moves(session, rules)
    moves = [move for state in session.calls for move in call_moves(session, state, rules, now)]
    if any(state.phase not in FINAL for state in session.calls):
        return _together(moves)
    if session.stopped_by is not None:
        sentence = f"Stopped by <@{session.stopped_by}>. Nothing further was run."
        return [Record((Halted(error="Stopped", sentence=sentence),))]
    if session.model_epoch is None and session.iterations >= rules.max_iterations:
        sentence = (
            f"I stopped after {rules.max_iterations} steps without finishing. Nothing more will be run; "
            "please narrow the request down, or tell me how to go on."
        )
        return [Record((Halted(error=AgentMaxIterationsError.__name__, sentence=sentence),))]
    if session.retired and session.model_epoch is None:
        return [_without_its_model(session)]
    if session.outage_since is not None and now >= session.outage_since + rules.outage_time:
        return [Record((Halted(error=ModelFailedError.__name__, sentence=GIVEN_UP),))]
    return [*_told_of_outage(session), CallModel(iteration=session.iterations + (session.model_epoch is None), at=now)]


def _without_its_model(session: Session) -> Move:
    """A session moves to another model between turns; within one the turn ends, its thoughts being bound to the old one."""
    if session.iterations == 0:
        return Repin()
    return Record((Halted(error=ModelRetiredError.__name__, sentence=MOVES_NEXT_TURN),))


def _told_of_outage(session: Session) -> list[Move]:
    """People are told once in a turn that it goes on by itself."""
    key = f"outage:{session.turn}"
    if session.outage_since is None or session.posts.get(key) is not None:
        return []
    return [Post(key, Notice("outage"), found=key in session.posts)]


def _together(moves: list[Move]) -> list[Move]:
    """Calls of one turn come before people as one message, in their order: none before all previews are there."""
    if not any(isinstance(move, MakePreview) for move in moves):
        return moves
    return [move for move in moves if not _brings_before_people(move)]


def _brings_before_people(move: Move) -> bool:
    match move:
        case Record(steps=(ProposedAction(),)) | Post(content=Cards()):
            return True
        case _:
            return False


def _closing_moves(session: Session, rules: Rules) -> list[Move]:
    assert session.closing is not None
    if session.stopped_for and f"answer:{session.turn}:0" not in session.posts:
        step = stop_reasons.follow_up(session, rules.max_iterations)
        if step is not None:
            return [Record((step,))]
    for part, text in enumerate(session.closing.parts):
        key = f"answer:{session.turn}:{part}"
        if session.posts.get(key) is None:
            last = part == len(session.closing.parts) - 1
            offered = session.turn if last and session.closing.offer_continue else None
            return [Post(key, Answer(text, offered), found=key in session.posts)]
    return []
