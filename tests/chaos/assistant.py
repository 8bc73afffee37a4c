"""The model of a long run: it does what its task says, in replies that are now and then as broken as models make them.

What it was told of each write stands in `told`: it is what the model reads, judged at the end against the ledgers.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from time import time

from agent.memory.compaction import PROMPT as SUMMARY
from bot.sandbox.model import Call, Reply, Request, Result, Text, call, calls, say
from tests.chaos.names import TASK, WRITE, look_of, tasks_in, write_of

MOST_WRITES = 3  # of one task that a turn asks for again and again
LOOK = "bookings__look"
LONG = "\n\n".join(f"Paragraph {number} of what there is to be said." for number in range(1, 12))
SUMMED_UP = "## Facts\n\n## Summary\n\nPeople gave tasks."


@dataclass(frozen=True, slots=True)
class Told:
    """What the model read of a write. `at`: when it read so first."""

    text: str
    at: float


@dataclass
class Assistant:
    """The script. `wild`: how often a reply is broken, from 0 to 1."""

    random: Random
    wild: float = 0.0
    told: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))  # by write: texts, and when first
    made: list[str] = field(default_factory=list[str])  # every write that it called for
    not_made: set[str] = field(default_factory=set[str])  # of these, in replies that were cut, or that it took back
    broken: int = 0

    def __call__(self, request: Request) -> Reply | Call:
        """Answer a request."""
        results = [event for event in request.history if isinstance(event, Result)]
        for result in results:
            for write in WRITE.findall(json.dumps(dict(result.args))):
                self.told[write].setdefault(result.text, time())
        if SUMMARY[:80] in request.last_user_text:
            return say(SUMMED_UP)
        tasks = TASK.findall(request.last_user_text)
        if not tasks:
            return say("Noted.")
        number, kind = int(tasks[-1][0]), tasks[-1][1]
        done = [result for result in request.turn_results if number in tasks_in(json.dumps(dict(result.args)))]
        if self.random.random() < self.wild:
            self.broken += 1
            return self._broken(request, number)
        if kind == "chat" or (done and (len(done) >= MOST_WRITES or self.random.random() < 0.9)):
            return say(f"That was task {number}. " + " ".join(result.detail or "Done." for result in done)[:500] + self._more())
        return self._calls(request, number, kind)

    def _more(self) -> str:
        return f"\n\n{LONG}" if self.random.random() < 0.2 else ""

    def _write(self, number: int) -> str:
        write = write_of(number, len(self.made))
        self.made.append(write)
        return write

    def _one(self, request: Request, number: int, kind: str) -> Call:
        tool = {"book": "bookings__book", "look": LOOK}.get(kind, "transfer")
        if tool not in request.tool_names:  # of a session that began before the server was there
            tool = "transfer"
        if tool == "transfer":
            return call("transfer", to=self._write(number), amount=self.random.randint(1, 99))
        what = look_of(number, len(self.made)) if tool == LOOK else self._write(number)
        return call(tool, what=what, count=self.random.randint(1, 9))

    def _calls(self, request: Request, number: int, kind: str) -> Reply | Call:
        if kind == "several":
            kinds = self.random.choices(("book", "transfer", "look"), k=self.random.randint(2, 4))
            return calls(*(self._one(request, number, each) for each in kinds), text="Several at once.")
        return self._one(request, number, kind)

    def _broken(self, request: Request, number: int) -> Reply:
        """A reply as models should not make them."""

        def one() -> Call:
            return self._one(request, number, self.random.choice(("book", "transfer")))

        def never() -> Call:
            made = one()
            self.not_made.add(self.made[-1])
            return made

        def written(as_what: Callable[[str], str]) -> Call:
            made = never()
            return Call(made.tool, {}, written=as_what(json.dumps(dict(made.args))))

        def half_a_character(made: Call) -> Call:
            return Call(made.tool, {}, written=json.dumps(dict(made.args)).replace('"w', '"\\ud83d w'))

        def raw_line_break(made: Call) -> Call:
            return Call(made.tool, {}, written=json.dumps(dict(made.args))[:-1] + ', "memo": "a\nb"}')

        def same_id() -> Sequence[Call]:
            first, second = one(), one()
            return first, Call(second.tool, second.args, first.id)

        kinds: Sequence[Callable[[], Reply]] = (
            lambda: Reply((Text("\n\n"), one())),
            lambda: Reply((one(), Text("\n"))),
            lambda: Reply((Text(" "), one(), Text(""), one())),
            lambda: Reply(tuple(same_id())),
            lambda: Reply((Text("\n\n"),)),
            lambda: Reply(()),
            lambda: Reply((written(lambda text: f"[{text}]"),)),
            lambda: Reply((written(lambda text: text[: len(text) - 3]),)),
            lambda: Reply((raw_line_break(one()),)),
            lambda: Reply((written(lambda text: text[:-1] + ', "n": 1e999}'),)),
            lambda: Reply((call("book_it_all", what="x"), one())),
            lambda: Reply((Call("transfer", {"to": 5, "amount": "many"}), one())),
            lambda: Reply((Text("No."),), stop_reason="refusal"),
            lambda: Reply((Text("No."), never()), stop_reason="refusal"),
            lambda: Reply((Text("And then"), never()), stop_reason="max_tokens"),
            lambda: Reply((Text("And then"),), stop_reason="max_tokens"),
            lambda: Reply((one(),), stop_reason="end_turn"),
            lambda: Reply((half_a_character(one()),)),
            lambda: Reply((Text("x"),), stop_reason="model_context_window_exceeded"),
        )
        return self.random.choice(kinds)()
