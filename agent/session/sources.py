"""Where what the model reads came from, if from outside: it counts as long as it is in the context."""

from agent.session.evolve import replace
from agent.session.state import Context
from agent.session.steps import Recalled, ToolReturned


def read_source(context: Context, source: str) -> Context:
    """Return the context after something of this source was read into it. Empty: it is of no untrusted source."""
    if not source or source in context.sources:
        return context
    return replace(context, sources=(*context.sources, source))


def remembered(context: Context, step: Recalled | ToolReturned) -> Context:
    """Return the context after what is remembered was told in it."""
    known_from = tuple(dict.fromkeys((*context.known_from, *step.channels)))
    return replace(context, known_from=known_from, origins=tuple(dict.fromkeys((*context.origins, *step.origins))))
