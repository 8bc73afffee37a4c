"""What the model reads about its calls beside their results: that one was not run, was edited, or that nobody knows."""

import json
from collections.abc import Container, Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from agent.model.port import FILES
from agent.session.steps import ActionDecided, Edited, OutcomeTold, ProposedAction
from agent.text import mention
from agent.tool.definition import Result, failed
from agent.types import Block

ResultContent = str | list[Block]  # of a tool_result

NOT_RUN = failed("permission_denied", "This call was not run: the turn ended before it.").text()
CUT_OFF = failed(
    "invalid_input", "Not run: your reply was cut at its length limit. Make this call again, in a shorter reply."
).text()
GO_ON = {
    "max_tokens": "Your reply was cut at its length limit. Go on right where it stopped, even within a word; repeat nothing.",
    "empty": "Please continue.",
}
DECLINED = {
    "rejected": "A person rejected this action; it was not run.",
    "expired": "Nobody approved this action in time; it was not run.",
    "withdrawn": "This action was withdrawn before anybody approved it; it was not run.",
    "undeliverable": "The approval card could not be shown to anybody, so this action was not run.",
}
LEFT_OUT: Block = {"type": "text", "text": "(It was left out: it could not be shown.)"}
NOTE = "note"  # the field of a result that says what people changed about its call
TOLD = {
    "happened": "it did happen; do not run it again.",
    "leave": "leave it as it is; do not run it again.",
    "run_again": "run it again with the same arguments.",
}


def text_block(text: str) -> Block:
    """Return a block of plain text."""
    return {"type": "text", "text": text}


def declined(step: ActionDecided) -> str:
    """Return the result of a call that people, or time, said no to."""
    detail = DECLINED[step.decision]
    if step.by:
        detail += f" By: {mention(step.by)}."
    if step.reason:
        detail += f" Their reason: {step.reason}"
    return failed("permission_denied", detail).text()


def changed(step: Edited, before: Mapping[str, JsonValue]) -> str:
    """Return what an edit did to the arguments."""
    names = [name for name in {**before, **step.arguments} if before.get(name) != step.arguments.get(name)]
    changes = "; ".join(f"{name}: {_argument_json(before, name)} -> {_argument_json(step.arguments, name)}" for name in names)
    return f"{mention(step.by)} edited this call before it was decided ({changes}); this is what came of the edited call."


def _argument_json(arguments: Mapping[str, JsonValue], name: str) -> str:
    return json.dumps(arguments[name], ensure_ascii=False) if name in arguments else "(none)"


def outcome_told(step: OutcomeTold, proposed: ProposedAction) -> str:
    """Return what a person said of a call whose outcome nobody knew."""
    return f"{mention(step.by)} says of the {proposed.tool} call whose outcome was unknown: {TOLD[step.answer]}"


def unknown(tool: str) -> Result:
    """Return the result of a call whose outcome nobody knows."""
    detail = (
        f"The outcome of {tool} is unknown: it was started, and its result was lost. It may have happened. "
        "Do not call it again; people are being asked."
    )
    return failed("unexpected", detail)


def with_images(text: str, images: Sequence[Block]) -> ResultContent:
    """Return the content of a result: its text alone, or before the images that belong to it."""
    return [text_block(text), *images] if images else text


def without_files(blocks: Sequence[Block]) -> list[Block]:
    """Return blocks with a note in the place of each image and PDF."""
    return [LEFT_OUT if block["type"] in FILES else block for block in blocks]


def ordered_results(calls: Sequence[str], results: Mapping[str, ResultContent], succeeded: Container[str]) -> list[Block]:
    """Return a result for each call, in their order; what is not among those that succeeded is marked as an error."""
    return [
        {
            "type": "tool_result",
            "tool_use_id": call_id,
            "content": cast(JsonValue, results.get(call_id, NOT_RUN)),
            **({} if call_id in succeeded else {"is_error": True}),
        }
        for call_id in calls
    ]
