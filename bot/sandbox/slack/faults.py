"""What can go wrong on demand. Each fault is used up once, unless `times` says otherwise.

`method` is a Web API method's name ("chat.postMessage"), or "*" for any.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

FaultKind = Literal["rate_limit", "fail", "error", "redirect", "fail_after", "drop_after"]


@dataclass(frozen=True)
class MethodFault:
    kind: FaultKind
    method: str
    status: int = 500
    code: str = ""
    retry_after_seconds: int = 0
    after_calls: int = 0
    location: str = ""


class Faults:
    """The faults that wait for their moment.

    Wide because each method is one kind of fault that tests ask for.
    """

    def __init__(self, cut: Callable[[bool], Awaitable[None]], changed: Callable[[], None]) -> None:
        self._cut = cut
        self._changed = changed
        self._waiting: list[MethodFault] = []
        self._held: dict[str, asyncio.Event] = {}
        self._at_the_door: Counter[str] = Counter()
        self._late: list[float] = []
        self.copies = 1
        """How often each event is delivered from now on."""

    def rate_limit(self, method: str, retry_after: int = 1, times: int = 1, after_calls: int = 0) -> None:
        """Answer 429 with Retry-After in seconds; nothing happens. `after_calls`: so many calls are let through before."""
        self._add_fault(MethodFault("rate_limit", method, 429, retry_after_seconds=retry_after, after_calls=after_calls), times)

    def fail(self, method: str, status: int = 500, times: int = 1) -> None:
        """Answer a 5xx before anything happens."""
        self._add_fault(MethodFault("fail", method, status), times)

    def error(self, method: str, code: str, times: int = 1) -> None:
        """Answer `{"ok": false, "error": code}`; nothing happens."""
        self._add_fault(MethodFault("error", method, 200, code), times)

    def redirect(self, location: str, times: int = 1) -> None:
        """Lead the next download of a file elsewhere."""
        self._add_fault(MethodFault("redirect", "url_private_download", 302, location=location), times)

    def fail_after(self, method: str, status: int = 500, times: int = 1) -> None:
        """Do it, then answer a 5xx: the caller cannot know. A call that Slack refuses does not use it up."""
        self._add_fault(MethodFault("fail_after", method, status), times)

    def drop_after(self, method: str, times: int = 1) -> None:
        """Do it, then cut the connection without an answer. A call that Slack refuses does not use it up."""
        self._add_fault(MethodFault("drop_after", method), times)

    def clear(self) -> None:
        """Forget what was set and not used up. Who is held stays held."""
        self._waiting.clear()
        self._late.clear()
        self.copies = 1

    def hold(self, method: str) -> None:
        """Hold calls of the method, before anything happens, until `release`; then they are done, caller or no caller."""
        self._held.setdefault(method, asyncio.Event())

    def release(self, method: str) -> None:
        held = self._held.pop(method, None)
        if held is not None:
            held.set()

    def holding(self, method: str) -> int:
        """Return how many calls of the method wait for `release`."""
        return self._at_the_door[method]

    async def disconnect(self, *, abrupt: bool = False) -> None:
        """Close every Socket Mode connection: announced (refresh_requested), or cut in the middle."""
        await self._cut(abrupt)

    def duplicate(self, times: int = 3) -> None:
        """Deliver each event this often from now on, with one event_id; 1 ends it."""
        self.copies = times

    def late_ack(self, seconds: float, times: int = 1) -> None:
        """Take the next event's ack for not come: the event is delivered again, `seconds` after its first try."""
        self._late += [seconds] * times

    # used by the workspace

    async def passed(self, method: str) -> None:
        """Wait until nobody holds the method."""
        while held := self._held.get(method) or self._held.get("*"):
            self._at_the_door[method] += 1
            self._changed()
            try:
                await held.wait()
            finally:
                self._at_the_door[method] -= 1

    def before(self, method: str) -> MethodFault | None:
        return self._take_fault(method, ("rate_limit", "fail", "error", "redirect"))

    def after(self, method: str) -> MethodFault | None:
        return self._take_fault(method, ("fail_after", "drop_after"))

    def take_late_ack(self) -> float | None:
        return self._late.pop(0) if self._late else None

    def _add_fault(self, fault: MethodFault, times: int) -> None:
        self._waiting += [fault] * times

    def _take_fault(self, method: str, kinds: tuple[FaultKind, ...]) -> MethodFault | None:
        for index, fault in enumerate(self._waiting):
            if fault.kind in kinds and fault.method in (method, "*"):
                if not fault.after_calls:
                    return self._waiting.pop(index)
                self._waiting[index] = replace(fault, after_calls=fault.after_calls - 1)
        return None
