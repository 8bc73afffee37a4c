"""Images and PDFs in a request: what is taken, what is refused, and what they weigh."""

import base64
from collections.abc import Mapping
from typing import Any

import anthropic
import pytest

from bot.sandbox.model import ScriptedModel, say
from bot.sandbox.model.usage import input_tokens_of
from tests.samples import png

PNG = png()
PDF = b"%PDF-1.7 ..."


def block(kind: str, media_type: str, data: bytes | str) -> dict[str, Any]:
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": encoded}}


REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "another type": (block("image", "image/tiff", PNG), "media_type: Input should be"),
    "a PDF as an image": (block("image", "application/pdf", PDF), "media_type: Input should be"),
    "an image as a PDF": (block("document", "application/pdf", PNG), "The PDF specified was not valid"),
    "something else inside": (block("image", "image/jpeg", PNG), "does not match the provided media type image/jpeg"),
    "a damaged image": (block("image", "image/png", PNG.replace(b"IDAT", b"IDOT")), "Could not process image"),
    "no base64": (block("image", "image/png", "%%%"), "Invalid base64 data"),
    "too big": (block("image", "image/png", PNG + b"x" * 4_000_000), "image exceeds 5 MB maximum"),
    "a source of our own": ({"type": "image", "source": {"type": "attached", "handle": "F1"}}, "Input tag 'attached'"),
}


async def asked(model: ScriptedModel, *content: dict[str, Any]) -> Any:
    """What the model answers to a message of these blocks."""
    messages: Any = [{"role": "user", "content": list(content)}]
    async with anthropic.AsyncAnthropic(api_key=model.api_key, base_url=model.base_url, max_retries=0) as client:
        return await client.messages.create(model="claude-sonnet-5-5", max_tokens=10, messages=messages)


@pytest.mark.parametrize("case", list(REFUSED))
async def test_what_the_api_refuses_is_refused(case: str) -> None:
    content, words = REFUSED[case]
    async with ScriptedModel(lambda request: say("Seen.")) as model:
        with pytest.raises(anthropic.BadRequestError, match=words):
            await asked(model, content)


async def test_an_image_and_a_pdf_are_taken() -> None:
    async with ScriptedModel(lambda request: say("Seen.")) as model:
        usage = (await asked(model, block("image", "image/png", PNG), block("document", "application/pdf", PDF))).usage
    assert usage.input_tokens > 4_000


def test_a_file_weighs_by_what_it_shows_and_not_by_its_bytes() -> None:
    small = {"messages": [{"role": "user", "content": [block("image", "image/png", PNG)]}]}
    large = {"messages": [{"role": "user", "content": [block("image", "image/png", PNG * 10_000)]}]}
    assert input_tokens_of(small) == input_tokens_of(large) < 2_000
