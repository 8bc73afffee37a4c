"""Figures of what the agent does, recorded where it happens: counts, times and kinds, never words and nobody's ids.

Enter at the functions here, one line where something happens; `instruments` says what there is. A description that begins with
"Database:" is of a figure that every process reads from the same database (`backlog`), all others are of one process. Without a
meter provider nothing is kept. It never waits, and nothing that it does can fail what it measures.
"""

from agent.metrics.backlog import Backlog, backlog_read
from agent.metrics.recording import (
    Attempt,
    begin_at_zero,
    budget_refused,
    count_decision,
    count_failed_try,
    count_learnt,
    count_rating,
    count_retry,
    delivery,
    first_chunk,
    inference,
    invocation,
    masked,
    post_failed,
    retrieval,
    run_ended,
    show_reach,
    tool_run,
)

__all__ = [
    "Attempt",
    "Backlog",
    "backlog_read",
    "begin_at_zero",
    "budget_refused",
    "count_decision",
    "count_failed_try",
    "count_learnt",
    "count_rating",
    "count_retry",
    "delivery",
    "first_chunk",
    "inference",
    "invocation",
    "masked",
    "post_failed",
    "retrieval",
    "run_ended",
    "show_reach",
    "tool_run",
]
