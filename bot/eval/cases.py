"""Golden cases: who says and clicks what, what a good model does meanwhile, and what must be so at the end.

A set is a folder: `set.yaml`, and beside it files with cases; `labels.yaml` says of cases whether people found what was answered
good. In every text `$ann` stands for Ann's id and `$orders` for that of the channel, as the sandbox workspace has them.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from bot.eval.recorded import Recorded, policy_of

Does = Literal[
    "say",
    "chat",
    "approve",
    "reject",
    "edit",
    "review",
    "withdraw",
    "stop",
    "continue",
    "expire",
    "happened",
    "run_again",
    "leave",
]
DONE: Mapping[Does, str] = {
    "approve": "approves",
    "reject": "rejects",
    "edit": "edits",
    "review": "reviews and approves",
    "withdraw": "withdraws",
    "stop": "stops",
    "continue": "continues",
    "expire": "lets the time run out",
    "happened": "says that it happened:",
    "run_again": "has it run again:",
    "leave": "leaves it:",
}
Outcome = Literal["succeeded", "failed", "refused", "rejected", "expired", "withdrawn", "unknown"]


class Told(BaseModel):
    """A part of a case. A key that it does not know is an error: a misspelt expectation must not be none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(Told):
    """One thing that somebody says or does; it happens once the bot has come to rest after the one before.

    `who` is a name in the sandbox (ann, ben, cleo, dan, or of `joins`). Clicks on a card name its `tool`, and where several cards
    of that tool wait some arguments that it shows (`card`), since models call in any order, or its `number`. `to`: the new
    arguments of an edit, by the labels of its form. `expire`: the time to decide is over. `chat`: people talk to each other, and
    nobody has called the bot yet; the next who says something calls it.
    """

    who: str = ""
    says: str = ""
    does: Does = "say"
    tool: str = ""
    number: int = Field(default=1, ge=1)
    card: Mapping[str, JsonValue] = {}
    reason: str = ""
    to: Mapping[str, JsonValue] = {}
    files: Mapping[str, str] = {}
    """Text files that are attached, by name."""
    place: str = ""
    """Where a further conversation begins with this line, as in `World`; empty: the one before goes on."""
    if_there: bool = False
    """The case goes on without a click that cannot be made, since its card or button never came."""

    @property
    def words(self) -> str:
        """Return what is said, or what is done: `approves create_order`."""
        if self.does in ("say", "chat"):
            return " ".join([self.says, *(f"[{name}]" for name in self.files)])
        of = [self.tool, f"(number {self.number})"] if self.number > 1 else [self.tool]
        to = ", ".join(f"{label}: {value}" for label, value in self.to.items())
        return " ".join(part for part in (DONE[self.does], *of, to, f"“{self.reason}”" if self.reason else "") if part)

    @model_validator(mode="after")
    def _whole(self) -> "Line":
        if self.does in ("say", "chat") and not self.says:
            raise ValueError("a line says something, or it names what is done (`does`)")
        if self.does not in ("say", "expire") and not self.who:
            raise ValueError(f"somebody has to {self.does}: name who")
        return self


class Play(Told):
    """One reply of a good model: words, calls by tool with their arguments, or both."""

    say: str = ""
    calls: Sequence[Mapping[str, Mapping[str, JsonValue]]] = ()

    @model_validator(mode="after")
    def _something(self) -> "Play":
        if not self.say and not self.calls:
            raise ValueError("a reply says something or calls something")
        if any(len(call) != 1 for call in self.calls):
            raise ValueError("a call is one tool with its arguments")
        return self


class Remembered(Told):
    """A fact that the bot has learnt before the case begins."""

    channel: str
    fact: str
    by: str = "ann"


class Post(Told):
    """A message in a channel."""

    channel: str
    who: str
    says: str


class Joins(Told):
    """Somebody who is in the workspace besides the usual four."""

    name: str
    channels: Sequence[str] = ()
    called: str = ""
    """The whole name in their profile; empty: the name."""
    title: str = ""
    guest: bool = False
    outside: bool = False


class World(Told):
    """Where a case takes place, and what is different there from the set's own world."""

    place: str = "orders"
    """A channel's name, or `dm`: a direct message with the person who speaks first."""
    config: Mapping[str, JsonValue] = {}
    """Of signoff.yaml: this takes the place of what the set says, key by key."""
    sql: Sequence[str] = ()
    """Run in the database of the case before it begins."""
    remembers: Sequence[Remembered] = ()
    joins: Sequence[Joins] = ()
    posts: Sequence[Post] = ()
    """What was said in the workspace before, without the bot."""
    data: Mapping[str, JsonValue] | None = None
    """What the file of JSON holds that SIGNOFF_EVAL_DATA names, for tools that keep their data there."""
    tickets: bool = False
    """The ticket desk is there, an MCP server."""


class Wanted(Told):
    """A call that has to be made. Of its arguments only those count that stand here; `~text` asks that a text holds this one."""

    tool: str
    arguments: Mapping[str, JsonValue] = {}
    outcome: Outcome | None = "succeeded"
    """None: however it ended."""


class Calls(Told):
    """Which tools have to, may and must not be called. What is in none of the three is one call too many."""

    must: Sequence[Wanted] = ()
    in_order: bool = True
    may: Sequence[str] = ()
    never: Sequence[str] = ()
    """Names, or beginnings of names with a `*` after them."""


class State(Told):
    """What a query finds at the end: one value, or rows."""

    sql: str
    finds: JsonValue


class Answer(Told):
    """What people read after the last thing that they said or did. Each entry is a text, or several of which one is enough; upper
    and lower case are the same."""

    says: Sequence[str | Sequence[str]] = ()
    never: Sequence[str] = ()
    """Nowhere in what the bot posts."""


class Ceilings(Told):
    """What a case may take."""

    iterations: int = Field(default=6, ge=0)
    tokens: int = Field(default=60_000, ge=0)


class Case(Told):
    """One golden interaction. `asks`: the tools that cards have to ask about, each card once, in this order.

    Wide because it is a case as people write it, a field a key.
    """

    case: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)
    about: Sequence[str] = Field(min_length=1)
    world: World = World()
    talk: Sequence[Line] = Field(min_length=1)
    plays: Sequence[Play] = ()
    calls: Calls = Calls()
    asks: Sequence[str] = ()
    unasked: Sequence[str] = ()
    """Tools that write and may run without a card here, since the policy of the case says so."""
    state: Sequence[State] = ()
    ends_with: Mapping[str, JsonValue] = {}
    """Parts of `world.data` by their names, as they have to be at the end."""
    answer: Answer = Answer()
    rubric: str = Field(min_length=10)
    ceilings: Ceilings = Ceilings()
    recorded: Recorded | None = None
    """The tools of a past session with what they answered: they alone are there, and no real tool. Unless `world.config` has a
    policy, what was asked then is asked, and nothing else."""


class Thresholds(Told):
    """The least that a version has to reach before it may be promoted, as parts of 1."""

    completion: float = Field(default=0.9, ge=0, le=1)
    tool_precision: float = Field(default=0.9, ge=0, le=1)
    tool_recall: float = Field(default=0.9, ge=0, le=1)
    arguments: float = Field(default=0.9, ge=0, le=1)
    approvals: float = Field(default=1.0, ge=0, le=1)


class GoldenSet(Told):
    """A set: the world that its cases share, and the cases."""

    name: str
    prompt: str
    config: Mapping[str, JsonValue] = {}
    thresholds: Thresholds = Thresholds()
    cases: Sequence[Case] = ()

    def config_of(self, case: Case) -> Mapping[str, JsonValue]:
        """Return what signoff.yaml says in a case. One with recorded results has no other tools, and its own policy."""
        laid = _laid_over(self.config, case.world.config)
        if case.recorded is None:
            return laid
        agents = cast(dict[str, dict[str, JsonValue]], laid.get("agents") or {})
        bare = {name: {key: value for key, value in of.items() if key != "tools"} for name, of in agents.items()}
        policy = case.world.config.get("policy", [dict(rule) for rule in policy_of(case.recorded)])
        kept = {key: value for key, value in laid.items() if key not in ("databases", "memory", "promotion", "agents")}
        return {**kept, **({"agents": {**bare}} if bare else {}), "policy": policy}


def _laid_over(under: Mapping[str, JsonValue], over: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Return the one mapping with the other's values laid over it, key by key, all the way down."""
    both: dict[str, JsonValue] = dict(under)
    for key, value in over.items():
        below = both.get(key)
        both[key] = dict(_laid_over(below, value)) if isinstance(below, dict) and isinstance(value, dict) else value
    return both
