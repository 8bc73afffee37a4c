"""Values by a key: read, set and deleted, for a person, a channel or the workspace."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue

from agent.errors import UnreachableError
from agent.memory.items import EVERYBODY
from agent.memory.recalled import KEPT_VALUES
from agent.memory.values import KEY_RULE, NewValue, Owner, ValueKind, fault, owner_key, value_origins
from agent.tool.answer import Remembered
from agent.tool.arguments import Arguments
from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from tools.memory.port import Memory, out_of_reach, taker, thread_of_call

GET = """\
Read the values that are kept by a key: of the person who asks, of this channel and of the workspace.
Call it when a preference, a checkpoint of earlier work, or a flag may matter and was not quoted at the beginning. For facts, \
call search_memory.
Comes back: {"user": [{"kind", "key", "value"}], "channel": [...], "workspace": [...]}, only what all who read here may know.
Reads only; calling it again is safe. Errors: timeout or unexpected (try once more later)."""
SET = f"""\
Keep a value under a key for later conversations: a preference (a text), a checkpoint (how far some work is; any JSON, kept \
for 30 days) or a flag (true or false).
Call it when somebody says how they want things done, or when work is to go on later. For facts, call remember_fact. Never \
keep secrets or passwords.
Owner user: of the person who asks. channel: of this channel. workspace: of everybody, which a person has to approve. A value \
that was there is replaced; {KEY_RULE}.
Comes back: {{"key", "value"}}. Calling it again changes nothing. Errors: invalid_input (the detail says what is wrong), \
unexpected (nothing was changed: try once more later)."""
DELETE = """\
Delete a value that is kept under a key, of the person who asks, of this channel, or of the workspace (which a person has to \
approve).
Call it when somebody does not want it kept any more.
Comes back: {"deleted"}. Calling it again is safe. Errors: not_found (there is no such value that all who read here may know), \
unexpected (nothing was changed: try once more later)."""


class GetMemory(Arguments, frozen=True):
    """Nothing is needed."""


class SetMemory(Arguments, frozen=True):
    """What to keep."""

    owner: Owner = Field(description="Whose value it is.")
    kind: ValueKind = Field(description="What it is.")
    key: str = Field(min_length=1, max_length=48, description="Its name, such as 'language'.")
    value: JsonValue = Field(description="The value: a text, true or false, or JSON, by its kind.")


class DeleteMemory(Arguments, frozen=True):
    """What to delete."""

    owner: Owner = Field(description="Whose value it is.")
    key: str = Field(min_length=1, max_length=48, description="Its name.")


def get_memory(port: Memory) -> Tool:
    """Return the tool that reads values."""

    async def read(arguments: GetMemory, context: ToolContext) -> Remembered:
        place = thread_of_call(context)
        told = await port.long_term.told_values(place, context.requester, await port.audience(place))
        shown = {owner: [value.model_dump(include={"kind", "key", "value"}) for value in kept] for owner, kept in told.items()}
        channels = sorted({value.channel for kept in told.values() for value in kept})
        return Remembered(shown, channels, value_origins(told, context.requester, place.channel))

    return Tool(
        name="get_memory",
        description=GET,
        arguments=GetMemory,
        handler=read,
        effect=Effect.READ,
        can=None,
        verb="Read memory",
        consequence="Reads the values that are kept. Nothing is changed.",
        undo="There is nothing to undo.",
        untrusted=lambda _: KEPT_VALUES,
    )


def set_memory(port: Memory) -> Tool:
    """Return the tool that keeps a value."""

    async def keep(arguments: SetMemory, context: ToolContext) -> Mapping[str, Any]:
        place = thread_of_call(context)
        new = NewValue(
            kind=arguments.kind,
            key=arguments.key,
            value=arguments.value,
            channel=EVERYBODY if arguments.owner == "workspace" else place.channel,
            set_by=context.requester,
        )
        owner = owner_key(arguments.owner, context.requester, place.channel)
        try:
            wrong = fault(new) or await port.long_term.values.set(place.team, owner, new)
        except UnreachableError as error:
            raise out_of_reach(error) from None
        if wrong:
            raise ToolError("invalid_input", f"Nothing was kept: {wrong}.")
        return {"key": new.key, "value": new.value}

    return Tool(
        name="set_memory",
        description=SET,
        arguments=SetMemory,
        handler=keep,
        idempotent=True,
        can="Keep a preference. Ask: “Always show prices in euros”",
        verb="Keep",
        consequence="Quoted later to those who may know it.",
        undo="It can be deleted.",
        headline=lambda arguments: f"Keep {arguments.kind} {arguments.key} of the {arguments.owner}",
        named=("kind", "key", "owner"),
        harmless=lambda arguments: arguments.get("owner") != "workspace",
    )


def delete_memory(port: Memory) -> Tool:
    """Return the tool that deletes a value."""

    async def delete(arguments: DeleteMemory, context: ToolContext) -> Mapping[str, Any]:
        place = thread_of_call(context)
        told = await port.long_term.told_values(place, context.requester, await port.audience(place))
        if all(value.key != arguments.key for value in told[arguments.owner]):
            raise ToolError("not_found", f"There is no value {arguments.key!r} that all who read here may know.")
        owner = owner_key(arguments.owner, context.requester, place.channel)
        try:
            deleted = await port.long_term.values.delete(place.team, owner, arguments.key, taker(context))
        except UnreachableError as error:
            raise out_of_reach(error) from None
        return {"deleted": deleted}

    return Tool(
        name="delete_memory",
        description=DELETE,
        arguments=DeleteMemory,
        handler=delete,
        idempotent=True,
        can="Drop a preference. Ask: “Forget about the euros”",
        verb="Delete",
        consequence="Deletes it.",
        undo="It can be set anew.",
        headline=lambda arguments: f"Delete {arguments.key} of the {arguments.owner}",
        named=("key", "owner"),
        harmless=lambda arguments: arguments.get("owner") != "workspace",
    )
