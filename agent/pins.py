"""What a session is run with is fixed when it starts, and fixed anew only where its model is not offered any more."""

import logging

from agent.errors import ModelRetiredError
from agent.session import Session
from agent.steps import Halted, Repinned
from agent.store import Lease, Store
from agent.types import Pinned

log = logging.getLogger(__name__)

NO_OTHER_MODEL = "The configured model does not exist (any more). Nothing more was run; an admin must name another one."


async def repin(store: Store, lease: Lease, session: Session, pinned: Pinned, present: Pinned) -> Repinned | Halted:
    """Between turns: the written step that moves the session to what its agent has now; or the turn's end."""
    if present.model == pinned.model:
        return Halted(error=ModelRetiredError.__name__, sentence=NO_OTHER_MODEL, unbilled=True)
    step = await store.repin(lease, session.seq, present, pinned.model)
    log.warning("session %s goes on with %s: %s is retired", session.id, step.model, step.model_before)
    return step
