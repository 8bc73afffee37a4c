"""What strangers wrote is parsed here: in processes with limits of time, memory and output, never on the event loop.

Enter at `run_bounded(function, data)`: a module-level function that takes bytes and returns JSON, found by its name in the other
process. A process that overruns a limit is killed and replaced; all of them are gone when ours is, however it ended.
A process gets no environment, no sockets and no files of ours, and keeps nothing between calls that a caller could rely on.
"""

from agent.bounded.pool import Limits, Processes, run_bounded
from agent.errors import BoundedError, BrokenInputError, TooLargeError, TooSlowError

__all__ = ["BoundedError", "BrokenInputError", "Limits", "Processes", "TooLargeError", "TooSlowError", "run_bounded"]
