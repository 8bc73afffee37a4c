"""What comes next. Pure: no clock, network or database; the same session, inbox and rules give the same moves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from agent import attachments, compaction, stop_reasons
from agent.budget_words import noted
from agent.call_moves import call_moves
from agent.card_moves import card_moves
from agent.errors import AgentMaxIterationsError, ModelFailedError, ModelRetiredError
from agent.inbox_moves import inbox_moves
from agent.moves import Answer, CallModel, Cards, FetchFile, MakePreview, Move, Notice, Post, Record, Repin
from agent.received import Inboxed
from agent.rules import Rules
from agent.session import FINAL, Session
from agent.steps import Halted, ProposedAction
from agent.stream_moves import stream_moves, unsettled
from agent.types import Lifetime

GIVEN_UP = "The model has been out of reach all this time, so I gave up. Nothing more was run; please ask again later."
MOVES_NEXT_TURN = (
    "The model that I began this with was retired in between. Nothing more was run; ask again, and I go on with another."
)


def next_moves(session: Session, inbox: Sequence[Inboxed], rules: Rules, now: datetime) -> tuple[Move, ...]:
    """Everything that can be done now. Nothing: the session is idle or waits for people.

    A move that is being made is named again (same key): whoever makes them knows what is under way. Steps to be recorded
    come alone, since they may change what comes next.
    """
    turn_moves = _turn_moves(session, rules, now)
    if turn_moves and not session.open and session.model_epoch is None:
        inbox = ()  # the conversation is compacted before anything opens the next turn
    told = (*card_moves(session, now), *_budget_moves(session), *stream_moves(session))
    moves = (*inbox_moves(session, inbox, rules), *told, *turn_moves)
    records = tuple(move for move in moves if isinstance(move, Record))
    return records[:1] or _one_of_each(moves)


def nobody_waits_for(under_way: Iterable[str], session: Session, moves: Sequence[Move]) -> list[str]:
    """What may be given up: after a Stop, the model's reply, a file, what a call would have changed, what a read would bring."""
    wanted = {f"preview:{state.call.id}" for state in session.calls if state.phase in ("asked", "approved")}
    wanted |= {f"vouch:{state.call.id}" for state in session.calls if state.phase == "asked"}
    wanted |= {f"tool:{state.call.id}" for state in session.calls if state.phase == "running"}
    wanted |= {f"file:{file.id}" for file in session.unread}
    wanted |= {move.key for move in moves if isinstance(move, CallModel)}  # also one that waits for its slot
    given_up = [key for key in under_way if key.startswith(("preview:", "vouch:", "tool:", "file:")) or key == "model"]
    return [key for key in given_up if key not in wanted]


def _budget_moves(session: Session) -> list[Move]:
    """People hear of it once most of a budget is used."""
    keyed = [(f"budget:{note.name}", noted(note.name, note.agent, note.user)) for note in session.budget_notes]
    return [Post(key, Notice("told", text=text), found=key in session.posts) for key, text in keyed]


def _one_of_each(moves: Sequence[Move]) -> tuple[Move, ...]:
    """The first move of each key: clicks on one action are judged one after the other, in the order they came."""
    first: dict[str, Move] = {}
    for move in moves:
        assert not isinstance(move, Record)
        first.setdefault(move.key, move)
    return tuple(first.values())


def _turn_moves(session: Session, rules: Rules, now: datetime) -> list[Move]:
    if not session.open:
        return [_compaction(session, rules, now)] if compaction.due(session, rules) else []
    if session.closing is not None:
        return _closing_moves(session, rules)
    moves = [move for state in session.calls for move in call_moves(session, state, rules, now)]
    if moves or any(state.phase not in FINAL for state in session.calls):
        return _together(moves)
    if session.stopped_by is not None:
        sentence = f"Stopped by <@{session.stopped_by}>. Nothing further was run."
        return [Record((Halted(error="Stopped", sentence=sentence),))]
    if session.window == "exceeded":
        return [_compaction(session, rules, now)]
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
    if session.unread:
        return [FetchFile(session.unread[0], attachments.room(session, rules), f"file:{session.unread[0].id}")]
    call = CallModel(session.iterations + (session.model_epoch is None), now, lifetime=_lifetime(rules))
    return [*_told_of_outage(session), call]


def _without_its_model(session: Session) -> Move:
    """A session moves to another model between turns; within one the turn ends, its thoughts being bound to the old one."""
    if session.iterations == 0:
        return Repin()
    return Record((Halted(error=ModelRetiredError.__name__, sentence=MOVES_NEXT_TURN, unbilled=True),))


def _told_of_outage(session: Session) -> list[Move]:
    """People are told once in a turn that it goes on by itself."""
    key = f"outage:{session.turn}"
    if session.outage_since is None or session.posts.get(key) is not None:
        return []
    return [Post(key, Notice("outage"), found=key in session.posts)]


def _compaction(session: Session, rules: Rules, now: datetime) -> CallModel:
    return CallModel(session.iterations, now, purpose="compact", lifetime=_lifetime(rules))


def _lifetime(rules: Rules) -> Lifetime:
    """A card is answered after minutes or hours, and the request before it was made when nobody knew of the card yet."""
    return "1h" if rules.people_wait else "5m"


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
    """The answer, part by part; the first one in the message that has grown so far, if there is one."""
    assert session.closing is not None
    if session.stopped_for and f"answer:{session.turn}:0" not in session.posts:
        step = stop_reasons.follow_up(session, rules.max_iterations)
        if step is not None:
            return [Record((step,))]
    if unsettled(session):
        return []
    for part, text in enumerate(session.closing.parts):
        key = f"answer:{session.turn}:{part}"
        if session.posts.get(key) is None:
            last = part == len(session.closing.parts) - 1
            streamed = session.stream if part == 0 else None
            answer = Answer(
                text,
                continue_turn=session.turn if last and session.closing.offer_continue else None,
                rated_turn=session.turn if last and session.closing.answered else None,
                tasks=session.tasks if streamed else (),
                after_words=session.stopped_by is not None,
            )
            return [Post(key, answer, found=key in session.posts, stream_ts=streamed.ts if streamed else "")]
    return []
