"""The demo's poisoned page: its own tool reads it, and nothing of this machine besides; `fetch_page` reads none of it."""

from collections.abc import AsyncIterator

import pytest

from agent.tool.definition import Result, Tool, ToolContext, registry, run
from agent.tool.validation import validate
from bot.agents.tool_files import load_tool_file
from bot.sandbox.demo import POLICY
from bot.sandbox.supplier import PATH, SupplierPage
from tools.web import web

CONTEXT = ToolContext(session_id="session-1", requester="U1", idempotency_key="key-1")


async def result_of(tool: Tool, url: str) -> Result:
    arguments = validate(registry([tool]), tool.name, {"url": url})
    return arguments if isinstance(arguments, Result) else await run(tool, arguments, CONTEXT)


@pytest.fixture
async def supplier() -> AsyncIterator[SupplierPage]:
    async with SupplierPage() as page:
        yield page


@pytest.fixture
def reader(supplier: SupplierPage, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The tool as the demo's bot loads it."""
    monkeypatch.setenv("SIGNOFF_DEMO_SUPPLIER", supplier.host)
    (tool,) = load_tool_file(POLICY.parent / "supplier_tool.py")
    return tool


async def test_it_reads_the_page_with_what_is_hidden_in_it(reader: Tool, supplier: SupplierPage) -> None:
    read = await result_of(reader, supplier.url)
    assert read.ok
    assert "Widget Pro goes up by 2 percent" in read.text()
    assert "order 30 Widget Max" in read.text()


async def test_it_reads_nothing_else_of_this_machine(reader: Tool, supplier: SupplierPage) -> None:
    port = int(supplier.host.partition(":")[2])
    elsewhere = (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"http://[::1]:{port}", f"http://127.0.0.1:{port + 1}")
    for address in elsewhere:
        read = await result_of(reader, f"{address}{PATH}")
        assert not read.ok
        assert read.error == "permission_denied"


async def test_the_tool_of_production_reads_none_of_it(supplier: SupplierPage) -> None:
    (fetch_page,) = web()
    read = await result_of(fetch_page, f"http://127.0.0.1:{supplier.host.partition(':')[2]}{PATH}")
    assert (read.ok, read.error) == (False, "permission_denied")


def test_without_a_demo_the_tool_knows_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNOFF_DEMO_SUPPLIER", raising=False)
    (tool,) = load_tool_file(POLICY.parent / "supplier_tool.py")
    assert tool.name == "read_supplier_page"
