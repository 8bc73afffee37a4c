"""A small world in plain Python that anybody may change at any moment, and tools that act on it.

`World` knows nothing of sessions, verdicts or digests: what it says of prices, people and rules is what tests hold the code to.
The tools are written as real ones are: a preview resolves names, and the handler acts on what it is given as `bound`.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, JsonValue, create_model

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.tool.bound import check_bound
from agent.tool.definition import Effect, Tool, ToolContext, ToolError, Tools, registry
from agent.types import Approvers, Change, Preview

ARGUMENTS: Mapping[str, Mapping[str, type]] = {
    "order": {"sku": str, "quantity": int},
    "post": {"channel": str, "text": str},
    "save": {"path": str, "text": str},
    "note": {"text": str},
}
WORDS: dict[str, Any] = {
    **{"effect": "write", "verb": "Do it", "consequence": "It is done.", "undo": "It can be undone.", "headline": "Do"},
    **{
        "description": "Does it.",
        "further": None,
        "idempotent": False,
    },  # `further`: an argument with a default that a newer version takes
}


@dataclass(frozen=True)
class Ran:
    """One thing that has happened: by which version of a tool, with which arguments, to what."""

    tool: str
    arguments: dict[str, Any]
    words: dict[str, Any]
    facts: dict[str, str]


@dataclass
class World:
    """Everything outside. Rules are plain dicts, in their order.

    Wide because it is all that may change between a card and its click.
    """

    products: dict[str, tuple[str, str]] = field(default_factory=lambda: {"A": ("Lamp", "49.00"), "B": ("Desk", "300.00")})
    channels: dict[str, str] = field(default_factory=lambda: {"C7": "general", "C8": "finance"})
    files: dict[str, str] = field(default_factory=lambda: {"a.txt": "one", "b.txt": "two"})
    words: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: {**WORDS, "idempotent": name in ("order", "save")} for name in ARGUMENTS}
    )
    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    group: set[str] = field(default_factory=lambda: {"U2"})
    members: set[str] = field(default_factory=lambda: {"U1", "U2", "U3", "U4"})
    guests: set[str] = field(default_factory=lambda: {"U4"})
    ran: list[Ran] = field(default_factory=list[Ran])

    def facts(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, str] | None:
        """Return what the names in a call mean now; None: nothing."""
        match tool:
            case "order":
                product = self.products.get(arguments["sku"])
                return None if product is None else {"product": product[0], "unit price": product[1]}
            case "post":
                found = [id for id, name in self.channels.items() if name == arguments["channel"].removeprefix("#")]
                return {"channel id": found[0]} if found else None
            case "save":
                return {"it holds": self.files.get(arguments["path"], "nothing yet")}
            case _:
                return {}

    def rule_for(self, tool: str, arguments: Mapping[str, Any], requesters: tuple[str, ...]) -> dict[str, Any]:
        """Return what the first rule that matches says now, as a plain dict, or what is said where none does."""
        default: dict[str, Any] = {"answer": "ask", "users": [], "group": False, "members": True, "requester": None, "quorum": 1}
        rule = next(
            (
                rule
                for rule in self.rules
                if rule["tool"] == tool and (rule["above"] is None or arguments.get("quantity", 0) > rule["above"])
            ),
            default,
        )
        requester = rule["requester"]
        if self.words[tool]["effect"] == "irreversible" and requester is None:
            requester = False
        named = set(rule["users"]) - (set(requesters) if requester is False else set[str]())
        named |= set(requesters) if requester else set[str]()
        few = not rule["group"] and not rule["members"] and len(named) < rule["quorum"]
        answer = "refuse" if rule["answer"] == "ask" and few else rule["answer"]
        return {**rule, "requester": requester, "answer": answer}

    def may(self, user: str, rule: Mapping[str, Any], requesters: tuple[str, ...]) -> bool:
        """Return whether a person may decide under such a rule now."""
        if user in requesters and rule["requester"] is not None:
            return bool(rule["requester"]) and (user not in self.guests or user in rule["users"])
        named = user in rule["users"]
        among = named or (rule["group"] and user in self.group) or (rule["members"] and user in self.members)
        return among and (named or user not in self.guests)

    # ------------------------------------------------------------------------------------------ as the code takes it

    def tools(self) -> Tools:
        """Return the tools as they are now."""
        return registry([self._tool(name) for name in self.words])

    def _tool(self, name: str) -> Tool:
        words = deepcopy(self.words[name])
        return Tool(
            name=name,
            description=words["description"],
            arguments=_arguments(name, words["further"]),
            handler=partial(self._run, name, words),
            effect=Effect(words["effect"]),
            idempotent=words["idempotent"],
            verb=words["verb"],
            consequence=words["consequence"],
            undo=words["undo"],
            headline=partial(_headline, words["headline"]),
            preview=partial(self._preview, name) if name != "note" else None,
        )

    async def _preview(self, name: str, arguments: BaseModel, context: ToolContext) -> Preview:
        facts = self.facts(name, arguments.model_dump())
        if facts is None:
            raise ToolError("not_found", "There is no such thing.")
        changes = tuple(Change(what=what, after=value) for what, value in facts.items())
        return Preview(changes=changes, bound=_bound(facts))

    async def _run(self, name: str, words: dict[str, Any], arguments: BaseModel, context: ToolContext) -> dict[str, Any]:
        given = arguments.model_dump()
        facts = self.facts(name, given)
        if context.bound:
            check_bound(context.bound, _bound(facts or {}))
        if facts is None:
            raise ToolError("not_found", "There is no such thing.")
        self.ran.append(Ran(name, given, words, facts))
        return {"done": True}

    def policy(self) -> Policy:
        """Return the rules as they are now."""
        return Policy(tuple(map(_rule, self.rules)))


@cache
def _arguments(tool: str, further: str | None) -> type[BaseModel]:
    fields: dict[str, Any] = {argument: (kind, ...) for argument, kind in ARGUMENTS[tool].items()}
    if further is not None:
        fields["further"] = (str, further)
    return create_model("Arguments", **fields)


_condition = cache(Condition)


def _bound(facts: Mapping[str, str]) -> dict[str, JsonValue]:
    return {"call": dict(facts)}


def _headline(words: str, arguments: BaseModel) -> str:
    return f"{words} {next(iter(arguments.model_dump().values()))}"


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        tool=rule["tool"],
        when=None if rule["above"] is None else _condition(f"args.quantity > {rule['above']}"),
        answer=rule["answer"],
        approvers=Approvers(
            users=tuple(rule["users"]),
            groups=("S1",) if rule["group"] else (),
            channel_members=rule["members"],
            requester=rule["requester"],
        ),
        quorum=rule["quorum"],
        expires_seconds=rule["hours"] * 3600,
        reason=rule["reason"],
        name=rule["name"],
    )
