"""Tools that answer with what was recorded, in place of all real ones: whatever a model calls, nothing of a tool runs.

A stand-in has name, description and schema as a session had them pinned, so that a model reads the same. A call gets the result
that the same call had then: one with the same arguments, else the next one of its tool that nobody has got yet. A call with
neither gets a structured error, and nobody is asked about it. What was asked then is asked again; what ran unasked runs unasked.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agent.canonical import canonical
from agent.tool.answer import Answer
from agent.tool.definition import UNTRUSTED, Effect, ErrorKind, Tool, ToolContext, ToolError
from agent.tool.json_schema import JsonArguments, json_arguments
from agent.types import Preview
from bot.agents.packs import BUILT_IN
from bot.config.refusal import Refusal

SEARCHED = "recorded"  # the pack of the stand-ins that a model has to search for
NOT_RECORDED = "This is a replay, and nothing was recorded for this call of {}: it was not run, and nobody was asked about it."
EXPIRES = "2s"  # a card that nobody decided in time
ERRORS: frozenset[str] = frozenset(get_args(ErrorKind))
OUTSIDE = re.compile(re.escape(UNTRUSTED).replace(r"\{source\}", "(.*)"), re.DOTALL)


class Part(BaseModel):
    """A part of what was recorded. A key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StandIn(Part):
    """A tool as a session had it pinned. `searched`: the model gets it whole only once it has searched for it."""

    name: str
    description: str = ""
    input_schema: Mapping[str, JsonValue] = {}
    effect: Effect = Effect.READ
    searched: bool = False

    def filled(self, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return arguments with the defaults of the schema, as a tool of ours takes them: the same call has the same."""
        properties: Any = self.input_schema.get("properties") or {}
        return {**{name: of["default"] for name, of in properties.items() if "default" in of}, **arguments}


class RecordedCall(Part):
    """A call, and what came of it. `says`: what the model read, as JSON; none where it did not run.

    `asked`: a card asked about it, of so many people; `expired`: none decided it in time. `shown`: what the card's preview said.
    """

    tool: str
    arguments: Mapping[str, JsonValue] = {}
    outcome: Literal["succeeded", "failed", "refused", "unknown"] | None = None
    says: JsonValue = None
    asked: bool = False
    quorum: int = Field(default=1, ge=1)
    rejections: int = Field(default=1, ge=1)
    expired: bool = False
    shown: Preview | None = None


class Recorded(Part):
    """All tools of a session, and all of its calls in their order."""

    tools: Sequence[StandIn] = ()
    calls: Sequence[RecordedCall] = ()


# ---------------------------------------------------------------------------------------------- tools


def stand_ins(recorded: Recorded) -> Mapping[str, Sequence[Tool]]:
    """Return the stand-ins as packs: all the tools that a bot is to have. Raises Refusal for a schema that is none."""
    packs: dict[str, list[Tool]] = {BUILT_IN: [], SEARCHED: []}
    for tool in recorded.tools:
        packs[SEARCHED if tool.searched else BUILT_IN].append(_stand_in(tool, recorded.calls))
    return packs


def _stand_in(tool: StandIn, calls: Sequence[RecordedCall]) -> Tool:
    results = _Results(tool, [call for call in calls if call.tool == tool.name])
    return Tool(
        name=tool.name,
        description=tool.description,
        arguments=_arguments_of(tool, results),
        handler=results.answer,
        effect=tool.effect,
        preview=results.preview,
        untrusted=results.source,
    )


def _arguments_of(tool: StandIn, results: "_Results") -> type[JsonArguments]:
    """Return what a call of the tool takes: what its schema does, and whatever was recorded."""
    try:
        checked = json_arguments(tool.input_schema)
    except ValueError as error:
        raise Refusal(f"The tool {tool.name} cannot be replayed: {error}.") from None

    class Arguments(checked):
        @classmethod
        def model_validate(cls, obj: Any, **options: Any) -> JsonArguments:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Return the arguments. A call that is on record was refused then, or was not: its tool knew more than its schema."""
            given = tool.filled(obj)
            return cls.model_construct(given) if results.has(given) else super().model_validate(given, **options)

    return Arguments


class _Results:
    """What the calls of one tool came to, each given once; the same call once more gets the same again."""

    def __init__(self, tool: StandIn, calls: Sequence[RecordedCall]) -> None:
        self._tool = tool.name
        self._calls = [(canonical(tool.filled(call.arguments)), call) for call in calls]
        self._given: set[int] = set()
        self._sources: dict[str, str] = {}  # of what was given last for these arguments

    def has(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether a call with just these arguments is on record."""
        key = canonical(dict(arguments))
        return any(each == key for each, _ in self._calls)

    def _next_for(self, key: str) -> int | None:
        """Return the number of the call whose result is next for these arguments: of the same one, else of another that ran."""
        ran = [number for number, (_, call) in enumerate(self._calls) if call.outcome is not None]
        same = [number for number, (each, _) in enumerate(self._calls) if each == key]
        left = [number for number in same if number in ran and number not in self._given]
        others = [number for number in ran if number not in self._given]
        return next(iter(left), next(reversed(same), next(iter(others), None)))

    async def answer(self, arguments: JsonArguments, context: ToolContext) -> Answer:
        """Give the recorded result. Raises ToolError for what was an error then, and where nothing is recorded."""
        key = canonical(arguments.root)
        number = self._next_for(key)
        self._sources.pop(key, None)
        if number is None or self._calls[number][1].outcome is None:
            raise ToolError("not_found", NOT_RECORDED.format(self._tool), begun=False)
        self._given.add(number)
        call = self._calls[number][1]
        if call.outcome == "unknown":
            raise ToolError("unexpected", "Its result was lost.", unclear=True)
        says = _fields(call)
        if (found := OUTSIDE.fullmatch(str(says.get("untrusted", "")))) is not None:
            self._sources[key] = found[1]
        if says.get("ok"):
            result: Any = says.get("result")
            return cast(Answer, result if isinstance(result, dict | list | str) else {"value": result})
        kind: Any = says.get("error")
        raise ToolError(kind if kind in ERRORS else "unexpected", str(says.get("detail", "")), begun=call.outcome != "refused")

    async def preview(self, arguments: JsonArguments, context: ToolContext) -> Preview:
        """Return what the card showed then. Raises ToolError where nothing is recorded, so that nobody is asked."""
        number = self._next_for(canonical(arguments.root))
        if number is None:
            raise ToolError("not_found", NOT_RECORDED.format(self._tool))
        return self._calls[number][1].shown or Preview()

    def source(self, arguments: JsonArguments) -> str:
        """Return the outside source of what was given for these arguments; empty: it came from none."""
        return self._sources.get(canonical(arguments.root), "")


def _fields(call: RecordedCall) -> Mapping[str, Any]:
    """Return what the model read as the fields of a result; where it is no such thing, as its text."""
    if isinstance(call.says, dict):
        return call.says
    return {"ok": call.outcome == "succeeded", "result": {"text": call.says}, "detail": call.says}


# ---------------------------------------------------------------------------------------------- policy


def policy_of(recorded: Recorded) -> Sequence[Mapping[str, JsonValue]]:
    """Return rules, as signoff.yaml has them, by which a card comes where one came then, and nowhere else."""
    return [rule for tool in recorded.tools for rule in _rules_of(tool, recorded.calls)]


def _rules_of(tool: StandIn, calls: Sequence[RecordedCall]) -> Sequence[Mapping[str, JsonValue]]:
    """Return the rules of one tool: one, or where its calls were not all treated alike one for each; those that ask go first."""
    treated: dict[str, Mapping[str, JsonValue]] = {}
    for call in sorted((call for call in calls if call.tool == tool.name), key=lambda call: not call.asked):
        treated.setdefault(json.dumps(tool.filled(call.arguments), ensure_ascii=False), _treatment(call))
    ways = list(treated.values())
    if not ways:
        return []
    if all(way == ways[0] for way in ways):
        return [{"tool": tool.name, **ways[0]}]
    of_calls: list[Mapping[str, JsonValue]] = [
        {"tool": tool.name, "when": f"args == {given}", **way} for given, way in treated.items()
    ]
    return [*of_calls, {"tool": tool.name, **{key: value for key, value in ways[0].items() if key != "expires"}}]


def _treatment(call: RecordedCall) -> Mapping[str, JsonValue]:
    if not call.asked:
        return {"verdict": "allow"}
    people: Mapping[str, JsonValue] = {"channel_members": True, "requester": True}
    more: Mapping[str, JsonValue] = {"expires": EXPIRES} if call.expired else {}
    return {"approvers": dict(people), "quorum": call.quorum, "rejections": call.rejections, **more}
