"""Whatever a server answers, or a tool of ours, becomes a result that the API takes: by the rules of the strict server."""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.errors import RefusedError
from agent.foreign_json import foreign
from agent.memory import attachments
from agent.memory.attachments import MOST_RESULT_IMAGES, ShownImages
from agent.memory.long_results import MOST_CHARACTERS, shortened
from agent.memory.look import Looked, look_at_file
from agent.memory.transcript import messages
from agent.session.steps import Asked, ModelReplied, ToolReturned
from agent.tool.answer import Answer
from agent.tool.definition import Result, Tool, ToolContext, run
from agent.types import FileRoom, Said, Usage
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import Models
from bot.sandbox.model.pairing import check_pairing
from tests.profiles import examples
from tests.samples import gif, jpeg, pdf, png, webp
from tools.mcp import Server
from tools.mcp.results import answer

CARD = Models().cards["claude-sonnet-5-5"]
SERVER = Server(name="odd", reach=None)
ROOM = FileRoom(files=6, bytes=2_000, tokens=10_000)
JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["", " ", "\n", "\ud83d", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FILES = [png(), jpeg(), gif(), webp(), pdf(), png()[:-5], jpeg(9_000, 9), b"", b"text", b"\x89PNG\r\n\x1a\n", b"\0" * 3_000]
DATA: Any = st.sampled_from([base64.b64encode(data).decode() for data in FILES]) | st.text(max_size=9) | JSON
KINDS: Any = st.sampled_from(["image/png", "image/jpeg", "text/html", "", None, 5])
TEXTS: Any = st.text(max_size=9) | st.just("word " * 5_000) | JSON
RESOURCES: Any = st.fixed_dictionaries({"blob": DATA, "mimeType": KINDS}) | JSON
IMAGES: Any = st.fixed_dictionaries({"type": st.just("image"), "data": DATA, "mimeType": KINDS})
PARTS: Any = (
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS})
    | st.fixed_dictionaries({"type": st.just("resource"), "resource": RESOURCES})
    | IMAGES
    | JSON
)
MCP_RESULTS: Any = JSON | st.fixed_dictionaries(
    {}, optional={"content": st.lists(PARTS, max_size=14) | JSON, "structuredContent": JSON, "isError": st.booleans() | JSON}
)


class Nothing(BaseModel):
    """No arguments."""


def returned(result: Result) -> tuple[ToolReturned, ShownImages]:
    """The step of a result, with each image looked at in this process."""
    shown = ShownImages(ROOM)
    for number, data in enumerate(result.images[:MOST_RESULT_IMAGES] if result.ok else (), 1):
        try:
            attachments.check_size(data)
            shown = shown.with_image(data, Looked(**look_at_file(data)))
        except RefusedError as error:
            shown = shown.without(f"image {number}", str(error))
    result = result.model_copy(update={"not_shown": shown.not_shown, "written": ""})
    if len(result.text()) > MOST_CHARACTERS:
        short = shortened(result, "look", "T1:C1:1.0", "key")
        assert short is not None
        result, _, _ = short
    outcome = "succeeded" if result.ok else "failed" if result.begun else "refused"
    return ToolReturned(call_id="a", outcome=outcome, text=result.text(), images=shown.blocks), shown


@examples(3)
@given(MCP_RESULTS)
async def test_whatever_a_server_answers_the_api_takes_the_result(answered: Any) -> None:
    result = foreign(json.dumps(answered).encode("utf-8", "surrogatepass"))

    async def handle(arguments: BaseModel, context: ToolContext) -> Answer:
        return answer(SERVER, result)

    tool = Tool(name="look", description="", arguments=Nothing, handler=handle, untrusted=lambda _: "MCP server odd")
    done = await run(tool, Nothing(), ToolContext("T1:C1:1.0", "U1", "key"))
    assert not done.unclear, done.detail
    step, shown = returned(tool.marked(done, Nothing()))
    asked = Asked(said=(Said(user="U1", text="look", ts="1.0"),))
    call = ModelReplied(
        content=({"type": "tool_use", "id": "a", "name": "look", "input": {}},),
        stop_reason="tool_use",
        usage=Usage(input_tokens=1, output_tokens=1),
    )
    told = messages([asked, call, ToolReturned.model_validate_json(step.model_dump_json())])
    sent = json.loads(json.dumps(attachments.filled(told, shown.data), allow_nan=False).encode())
    check_messages(sent, CARD)
    check_pairing(sent, has_tools=True)
    [block] = sent[-1]["content"]
    content = block["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    assert json.loads(text)["ok"] == ("is_error" not in block)
    assert len(text) <= MOST_CHARACTERS
    seen = 0 if isinstance(content, str) else len(content) - 1
    assert seen + len(shown.not_shown) == (min(len(done.images), MOST_RESULT_IMAGES) if done.ok else 0)
