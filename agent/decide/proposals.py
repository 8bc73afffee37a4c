"""How a call is brought before people: its preview, then the proposal with its digest, in a message that has room for it."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from agent.approvals.digest import action_digest, action_id, described_digest
from agent.decide.move_keys import MoveKey
from agent.decide.moves import MakePreview, Record
from agent.decide.refusals import refused
from agent.memory.recalled import read_outside
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import CallState, Session
from agent.session.steps import ProposedAction
from agent.tool.definition import Tool, failed
from agent.types import Asker, Preview, Verdict

SAID_CHARACTERS = 1_000  # of the model's own words that are kept with an action
# What shares a message. Slack takes 50 blocks and about 10,000 characters (reference: Slack, Limits).
MOST_ROWS = 5
MOST_NAMES = 40  # of arguments, in all rows
MOST_CHARACTERS = 4_000  # likewise


def lacks_preview(state: CallState, tool: Tool) -> bool:
    """Return whether the tool can say what the call would change, and has not yet."""
    return tool.preview is not None and state.preview is None


def foresee(state: CallState, tool: Tool, arguments: dict[str, Any]) -> MakePreview:
    """Return the move that has the tool say what a call would change."""
    return MakePreview(state.call.id, tool.name, arguments, MoveKey("preview", state.call.id))


def before_people(state: CallState, rules: Rules, proposal: ProposedAction) -> Record:
    """Return the proposal if people can be shown all of it, else a refusal: they approve only what they can read whole."""
    if rules.can_show(proposal):
        return Record((proposal,))
    note = (
        f"Nobody was asked, and {proposal.tool} did not run: no card or dialog holds all of this call, and people "
        "approve only what they can read whole. Make several smaller calls instead."
    )
    return refused(state, failed("invalid_input", note))


def proposal_of(
    session: Session, state: CallState, tool: Tool, validated: BaseModel, verdict: Verdict, now: datetime
) -> ProposedAction:
    """Return the step that brings a call before people, with the digest of all that they are shown."""
    id = action_id(session.id, session.model.reply_seq, state.call.id, session.seq)
    arguments, wording = validated.model_dump(mode="json"), tool.wording(validated)
    return ProposedAction(
        action_id=id,
        call_id=state.call.id,
        tool=tool.name,
        arguments=arguments,
        verdict=verdict,
        digest=action_digest(session.id, tool, arguments, verdict, wording, state.preview),
        requesters=state.requesters or session.requesters,
        expires_at=now + timedelta(seconds=verdict.expires_seconds),
        message=str(_message_with_room(session, arguments, verdict) or PostKey("card", id)),
        edited_by=state.edited_by,
        preview=state.preview,
        sources=session.context.sources,
        said=session.model.reply_text[:SAID_CHARACTERS],
        wording=wording,
        described=described_digest(tool),
    )


def _message_with_room(session: Session, arguments: Mapping[str, Any], verdict: Verdict) -> PostKey | None:
    """Return the key of the message that is about to be posted if it has room for one more call, else None."""
    last = next(reversed(session.actions.values()), None)
    if last is None or last.decided or last.message in session.posts or last.proposed.verdict.post_to != verdict.post_to:
        return None
    rows = session.shown_in(last.message)
    together = [*(row.proposed.arguments for row in rows), arguments]
    names = sum(len(each) for each in together)
    characters = sum(len(json.dumps(each)) for each in together)
    fits = len(together) <= MOST_ROWS and names <= MOST_NAMES and characters <= MOST_CHARACTERS
    return last.message if fits else None


def bound_by(preview: Preview | None) -> Mapping[str, Any]:
    """Return what a preview resolved the arguments to; empty without a preview."""
    return preview.bound if preview is not None else {}


def asker(session: Session, requesters: tuple[str, ...] = ()) -> Asker:
    """Return who asks for a call: the turn's requesters, or those of an edited call."""
    outside = read_outside(session.context.sources)
    return Asker(users=requesters or session.requesters, channel=session.place.channel, read_outside=outside)
