"""What comes next. Pure: no clock, network or database; the same session, inbox and rules give the same moves."""

from collections.abc import Sequence
from datetime import datetime

from agent.decide.capped import capped
from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.for_approvers import approver_moves
from agent.decide.for_calls import call_moves
from agent.decide.for_cards import card, card_moves
from agent.decide.for_inbox import inbox_moves, queued
from agent.decide.for_notices import notice_moves
from agent.decide.for_rest import all_learnt, learns_at
from agent.decide.for_stream import stream_moves, unsettled
from agent.decide.move_keys import Key, MoveKey
from agent.decide.moves import (
    AnswerPart,
    CallModel,
    Card,
    Cards,
    FetchFile,
    MakePreview,
    Move,
    Notice,
    Permitted,
    Post,
    Question,
    Recall,
    Record,
    Repin,
)
from agent.decide.reminders import ReminderClock
from agent.errors import AgentMaxIterationsError, ModelFailedError, ModelRetiredError
from agent.memory import attachments, compaction
from agent.model.budget_messages import noted
from agent.session import stop_reasons
from agent.session.inbox import Inboxed
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import FINAL, NOT_POSTED, ActionState, AllowedRun, Closing, Session
from agent.session.steps import Halted, ProposedAction
from agent.text import mention
from agent.types import Lifetime

SHORT_CHARACTERS = 300  # of an answer that stands with a question
GIVEN_UP = "The model has been out of reach all this time, so I gave up. Nothing more was run; please ask again later."
MOVES_NEXT_TURN = (
    "The model that I began this with was retired in between. Nothing more was run; ask again, and I go on with another."
)


def next_moves(
    session: Session, inbox: Sequence[Inboxed], rules: Rules, now: datetime, facts: Facts = NOTHING_FOUND
) -> tuple[Move, ...]:
    """Return everything that can be done now; nothing when the session is idle or waits for people.

    A move that is being made is named again (same key): the loop knows what is under way. Steps to be recorded
    come alone, since they may change what comes next.
    """
    turn_moves = _turn_moves(session, rules, now, facts)
    if turn_moves and not session.turn.open and session.model.in_flight is None:
        inbox = ()  # the conversation is compacted before anything opens the next turn
    clock = ReminderClock.of(rules, facts)
    directly = approver_moves(session, rules, now, facts)
    notices = notice_moves(session, queued(session, inbox, facts), now, clock)
    told = (*card_moves(session, now, clock), *notices, *directly, *_budget_moves(session), *stream_moves(session))
    moves = (*inbox_moves(session, inbox, rules, now, facts), *told, *turn_moves)
    records = tuple(move for move in moves if isinstance(move, Record))
    return records[:1] or _one_of_each(moves)


def _budget_moves(session: Session) -> list[Move]:
    """Tell people once that most of a budget is used."""
    keyed = [(PostKey("budget", note.name), noted(note.name, note.agent, note.user)) for note in session.spending.notes]
    return [Post(key, Notice("told", text=text), found=key in session.posts) for key, text in keyed]


def _one_of_each(moves: Sequence[Move]) -> tuple[Move, ...]:
    """Return the first move of each key: clicks on one action are judged one after the other, in the order they came."""
    first: dict[Key, Move] = {}
    for move in moves:
        assert not isinstance(move, Record)
        first.setdefault(move.key, move)
    return tuple(first.values())


def _turn_moves(session: Session, rules: Rules, now: datetime, facts: Facts) -> list[Move]:
    turn, model = session.turn, session.model
    if not turn.open:
        return _between_turns(session, rules, now)
    if turn.ending.closing is not None:
        return _closing_moves(session, rules)
    moves = [move for state in turn.calls for move in call_moves(session, state, rules, now, facts)]
    if moves or any(state.phase not in FINAL for state in turn.calls):
        return _together(moves)
    if turn.stopped_by is not None:
        sentence = f"Stopped by {mention(turn.stopped_by)}. Nothing further was run."
        return [Record((Halted(error="Stopped", sentence=sentence),))]
    if turn.window == "exceeded":
        return [_compaction(session, rules, now)]
    if model.in_flight is None and turn.iterations >= rules.max_iterations:
        error = AgentMaxIterationsError.__name__
        return [Record((Halted(error=error, sentence=capped(session, rules), offer_continue=True),))]
    if model.retired and model.in_flight is None:
        return [_without_its_model(session)]
    if model.outage_since is not None and now >= model.outage_since + rules.outage_time:
        return [Record((Halted(error=ModelFailedError.__name__, sentence=GIVEN_UP),))]
    if turn.unread:
        return [FetchFile(turn.unread[0], attachments.room(session, rules), MoveKey("file", turn.unread[0].id))]
    if rules.remembers and not turn.recalled and turn.iterations == 0 and model.in_flight is None:
        return [Recall(session.context.began_tokens == 0, MoveKey("recall", str(turn.number)))]
    call = CallModel(turn.iterations + (model.in_flight is None), now, lifetime=_lifetime(rules))
    return [*_told_of_outage(session), call]


def _between_turns(session: Session, rules: Rules, now: datetime) -> list[Move]:
    """Learn from what was said once people have rested, or before a new context forgets it; then compact what is long."""
    purpose = session.model.asked_to
    compacts = compaction.due(session, rules)
    rested = (at := learns_at(session, rules)) is not None and now >= at
    if purpose == "learn" or (purpose is None and (rested or (compacts and not all_learnt(session, rules)))):
        return [CallModel(session.turn.iterations, now, purpose="learn", lifetime=_lifetime(rules))]
    return [_compaction(session, rules, now)] if compacts else []


def _without_its_model(session: Session) -> Move:
    """Move to another model between turns; end a turn that is open, since its thoughts are bound to the old model."""
    if session.turn.iterations == 0:
        return Repin()
    return Record((Halted(error=ModelRetiredError.__name__, sentence=MOVES_NEXT_TURN, unbilled=True),))


def _told_of_outage(session: Session) -> list[Move]:
    """Tell people once in a turn that it goes on by itself."""
    key = PostKey("outage", session.turn.number)
    if session.model.outage_since is None or session.posts.get(key) is not None:
        return []
    return [Post(key, Notice("outage"), found=key in session.posts)]


def _compaction(session: Session, rules: Rules, now: datetime) -> CallModel:
    return CallModel(session.turn.iterations, now, purpose="compact", lifetime=_lifetime(rules))


def _lifetime(rules: Rules) -> Lifetime:
    """Return how long the cache is to live: a card is answered after minutes or hours, and the request before it knew of no
    card."""
    return "1h" if rules.people_wait else "5m"


def _together(moves: list[Move]) -> list[Move]:
    """Bring the calls of one turn before people as one message, in their order: none before all previews are there."""
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
    """Post the answer, part by part; the first part ends the message that has grown so far, if there is one."""
    turn, closing = session.turn, session.turn.ending.closing
    assert closing is not None
    if turn.ending.stopped_for and PostKey("answer", turn.number, 0) not in session.posts:
        step = stop_reasons.follow_up(session, rules.max_iterations)
        if step is not None:
            return [Record((step,))]
    if unsettled(session):
        return []
    unknown = _all_that_is_unknown(session)
    if unknown is not None and not unknown.run.asked_ts:
        return []  # what the model has to say of it stands with the question
    for part, text in enumerate(closing.parts):
        key = PostKey("answer", turn.number, part)
        if session.posts.get(key) is None:
            last = part == len(closing.parts) - 1
            streamed = session.stream if part == 0 else None
            answer = AnswerPart(
                text,
                continue_turn=turn.number if last and closing.offer_continue else None,
                rated_turn=turn.number if last and closing.answered and unknown is None else None,
                tasks=turn.tasks if streamed else (),
                permitted=tuple(map(_permitted, turn.allowed)) if last else (),
                after_words=turn.stopped_by is not None,
            )
            within = _question_for(unknown, closing, answer) if streamed is None else None
            stream_ts = streamed.ts if streamed else ""
            return [Post(key, answer, found=key in session.posts, stream_ts=stream_ts, within=within)]
    return []


def _all_that_is_unknown(session: Session) -> ActionState | None:
    """Return the action whose outcome nobody knows, if its call was the only one of this turn: the model can say no more of the
    turn than that. When people have said what became of it, the next turn answers."""
    unknown = [action for action in session.actions.values() if action.run.outcome == "unknown"]
    alone = len(unknown) == 1 and session.turn.ended == ((unknown[0].proposed.tool, "unknown"),)
    return unknown[0] if alone else None


def _question_for(unknown: ActionState | None, closing: Closing, answer: AnswerPart) -> Question | None:
    """Return the question that a short closing stands with; None: it is a separate message."""
    if unknown is None or unknown.run.asked_ts == NOT_POSTED or not closing.answered or len(answer.text) > SHORT_CHARACTERS:
        return None
    return Question(card(unknown), answer.text) if len(closing.parts) == 1 and not answer.permitted else None


def _permitted(run: AllowedRun) -> Permitted:
    """Return a run without a card as people read of it."""
    granted = run.granted
    card = Card(
        action_id="",
        tool=run.call.tool,
        arguments=dict(run.call.arguments),
        digest="",
        requesters=(),
        expires_at=granted.expires_at,
        verdict=granted.verdict,
        decided_by=granted.by,
        preview=run.preview,
    )
    return Permitted(card, granted.grant_id, run.use, granted.most_uses)
