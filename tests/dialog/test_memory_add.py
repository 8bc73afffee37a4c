"""`signoff memory add`: files, folders and addresses that agents then know, and cite."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp import web as http

from agent.errors import RefusedError, UnreachableError
from agent.store.memory_documents import Documents
from bot.commands.memory_add import Adding, Outcome, origin_of
from tests.dialog.conftest import World
from tests.dialog.memory_command import GUIDE, configured, knowing, memory
from tests.dialog.test_memory import asks
from tests.samples import pdf, png
from tools.documents import FETCHED, chunks_of, fetched
from tools.fetching import Fetching


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a bot that remembers."""
    return configured(tmp_path)


async def test_a_document_is_known_to_agents_and_cited_with_the_anchor_of_its_heading(world: World, folder: Path) -> None:
    await knowing(world)
    (folder / "guide.md").write_text(GUIDE)
    out, err = await memory(world, folder, "add", "guide.md")
    assert (out, err) == ("added guide.md (2 parts)\n", "")
    told = await asks(world, "ben", "how do I go about rolling back?")
    assert "Press the red button." in told
    assert "document guide.md" in told
    assert "guide.md#rolling-back" in told
    assert await world.rows("SELECT count(*) FROM memory WHERE embedding IS NULL") == [(0,)]


async def test_a_document_of_one_channel_is_told_to_its_readers_alone(world: World, folder: Path) -> None:
    await knowing(world)
    (folder / "salaries.csv").write_text("name,salary\nAda,90000\n")
    await memory(world, folder, "add", "salaries.csv", "--channel", world.slack.channels["finance"])
    assert "90000" not in await asks(world, "cleo", "what is the salary of Ada?")
    assert "90000" in await asks(world, "cleo", "what is the salary of Ada?", "finance")


async def test_a_guest_is_told_nothing_of_what_is_for_every_full_member(world: World, folder: Path) -> None:
    await knowing(world)
    (folder / "guide.md").write_text(GUIDE)
    await memory(world, folder, "add", "guide.md")
    world.slack.join("gus", "orders", is_restricted=True)
    assert "red button" not in await asks(world, "ben", "how do I go about rolling back?")


async def test_a_folder_that_is_added_again_replaces_what_changed_and_says_what_is_gone(world: World, folder: Path) -> None:
    docs = folder / "docs"
    (docs / "deep").mkdir(parents=True)
    (docs / ".hidden").mkdir()
    (docs / ".hidden" / "a.md").write_text("hidden")
    (folder / "outside.md").write_text("outside")
    (docs / "link.md").symlink_to(folder / "outside.md")
    (docs / "a.md").write_text("apples")
    (docs / "deep" / "b.txt").write_text("bananas")
    (docs / "picture.png").write_bytes(png())
    out, err = await memory(world, folder, "add", "docs")
    assert out.splitlines() == ["added docs/a.md (1 part)", "added docs/deep/b.txt (1 part)"]
    assert err == "1 files of other kinds were left out: Markdown, text, HTML, PDF and CSV can be read.\n"

    (docs / "a.md").write_text("apricots")
    (docs / "picture.png").unlink()
    assert await memory(world, folder, "add", "docs/") == (
        "replaced docs/a.md (1 part)\nunchanged docs/deep/b.txt (1 part)\n",
        "",
    )
    (docs / "deep" / "b.txt").unlink()
    out, err = await memory(world, folder, "add", "docs")
    assert (out, err) == (
        "unchanged docs/a.md (1 part)\n",
        "docs/deep/b.txt is not there any more and still remembered: --remove deletes it.\n",
    )
    out, _ = await memory(world, folder, "add", ".", "--channel", world.slack.channels["orders"], "--remove")
    assert "removed" not in out  # what another channel has is another document
    out, _ = await memory(world, folder, "add", "docs", "--remove")
    assert out.splitlines() == ["unchanged docs/a.md (1 part)", "removed docs/deep/b.txt"]
    out, _ = await memory(world, folder, "list", "--channel", "everybody")
    assert [each.rpartition(": ")[2] for each in out.splitlines()] == ["apricots"]


async def test_what_cannot_be_read_is_said_and_the_rest_is_added(world: World, folder: Path) -> None:
    (folder / "a.md").write_text("apples")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (folder / "blank.pdf").write_bytes(pdf(1))
    (folder / "empty.md").write_text("  \n")
    out, err = await memory(world, folder, "add", "a.md", "bad.pdf", "blank.pdf", "empty.md", status=2)
    assert out == "added a.md (1 part)\n"
    assert err.splitlines() == [
        "bad.pdf was not read: the PDF is cut off.",
        "blank.pdf was not read: its pages are pictures without text.",
        "empty.md was not read: it is empty.",
        "3 of them could not be read: mend or leave them out, then add them again.",
    ]


async def test_a_pdf_is_cited_by_its_page(world: World, folder: Path) -> None:
    (folder / "guide.pdf").write_bytes(pdf(1, says=b"Press the red button"))
    await memory(world, folder, "add", "guide.pdf")
    assert await world.rows("SELECT body, quote, link FROM memory") == [
        ("page 1\nPress the red button", "Press the red button", "guide.pdf#page=1")
    ]


# ---------------------------------------------------------------------------------------------- addresses


@pytest.fixture
async def site() -> AsyncIterator[tuple[str, dict[str, http.Response]]]:
    """The address of a server, and what it answers by path."""
    answers: dict[str, http.Response] = {}

    async def answer(request: http.Request) -> http.Response:
        of = answers[request.path]
        return http.Response(body=of.body, status=of.status, headers={k: v for k, v in of.headers.items()})

    app = http.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = http.AppRunner(app, access_log=None)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", answers
    await runner.cleanup()


async def test_an_address_that_is_not_public_is_not_asked(
    world: World, folder: Path, site: tuple[str, dict[str, http.Response]]
) -> None:
    address, _ = site  # which has no answer: to be asked would be an error of another kind
    _, err = await memory(world, folder, "add", f"{address}/guide", status=2)
    assert f"{address}/guide was not read: 127.0.0.1 leads to an address that is not public, so nothing was sent to it." in err


async def test_a_page_is_cut_at_its_headings_and_cited_by_their_ids(site: tuple[str, dict[str, http.Response]]) -> None:
    address, answers = site
    answers["/moved"] = http.Response(status=302, headers={"Location": "/guide"})
    answers["/guide"] = http.Response(
        text="<h1 id=top>Deploys</h1><p>On Tuesday.</p><h2 id=back>Rolling back</h2><p>Press it.", content_type="text/html"
    )
    answers["/notes.md"] = http.Response(text="# One\na\n# Two\nb", content_type="text/plain")
    answers["/picture"] = http.Response(body=png(), content_type="image/png")
    fetching = Fetching(lambda _, url: url, FETCHED, private_hosts={address.removeprefix("http://")})
    chunks = await chunks_of(await fetched(f"{address}/moved#there", fetching), "C1")
    assert [(each.text, each.source.link, each.source.key) for each in chunks] == [
        ("Deploys\nOn Tuesday.", f"{address}/moved#top", f"document:{address}/moved"),
        ("Deploys\nRolling back\nPress it.", f"{address}/moved#back", f"document:{address}/moved"),
    ]
    assert [each.text for each in await chunks_of(await fetched(f"{address}/notes.md", fetching), "")] == ["# One\na", "# Two\nb"]
    with pytest.raises(RefusedError, match="image/png"):
        await fetched(f"{address}/picture", fetching)
    with pytest.raises(RefusedError, match="not public"):
        await fetched(f"{address}/guide", Fetching(lambda _, url: url, FETCHED))


class OutOfReach:
    """A model that cannot be had now."""

    model, dimensions = "away", 2

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder.embed`."""
        raise UnreachableError("the server does not answer")


async def test_without_its_model_a_document_is_added_and_waits_for_its_vectors(world: World, folder: Path) -> None:
    (folder / "guide.md").write_text(GUIDE)
    adding = Adding(Documents(world.pool), OutOfReach(), "T0OTHER", "")
    await adding.origin(origin_of(str(folder / "guide.md")), Outcome())
    assert await world.rows("SELECT count(*) FROM memory WHERE team = 'T0OTHER'") == [(2,)]
