"""Bugs to plant into the real code: each takes away one thing that keeps a promise."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, LiteralString

import pytest

from agent.approvals import deciders, hosts
from agent.approvals.policy import Tried
from agent.decide import for_approved, for_calls, for_clicks, for_lost_runs, proposals
from agent.session import sources
from agent.session.inbox import Click
from agent.session.state import Context, Session
from agent.session.steps import Step
from agent.store import appending
from agent.store import sessions as store
from agent.store.sessions import Store
from agent.tool import bound, definition
from agent.tool.definition import Tool
from agent.types import Preview, Wording
from bot.cards import batch, harmless_text, open_row
from bot.cards.block_kit import SlackBlock
from bot.cards.row import Row
from bot.cards.values import TextRoom

Plant = Callable[[pytest.MonkeyPatch], None]


def without(statement: str, condition: str, instead: str = "", where: ModuleType = store) -> Plant:
    """One of the store's statements, or a part of them, that has lost a condition."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        sql: str = getattr(where, statement)
        assert condition in sql
        monkeypatch.setattr(where, statement, sql.replace(condition, instead))

    return plant


def _message_of(action: str) -> LiteralString:
    """Read as text: Postgres takes no JSON apart that holds a NUL."""
    names: dict[str, LiteralString] = {"sibling": "sibling.body::text", "action": "action.body::text"}
    return f"""substring({names[action]} FROM '"message":"([^"]+)"')"""


def a_click_settles_all_siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As frameworks do that resume a run and not a call."""
    settle = Store.settle

    async def settle_all(
        self: Store, lease: Any, seq: int, inbox_id: int, click: Click, grant: Any = None, starts: Any = None
    ) -> tuple[tuple[Step, ...], float]:
        steps, left_seconds = await settle(self, lease, seq, inbox_id, click, grant, starts)
        statement: LiteralString = f"""
            SELECT sibling.id FROM action JOIN action AS sibling ON {_message_of("sibling")} = {_message_of("action")}
            WHERE action.id = %s AND sibling.status = 'pending' AND sibling.id <> action.id
        """
        async with self._pool.connection() as connection:  # pyright: ignore[reportPrivateUsage]
            siblings = await (await connection.execute(statement, (click.action_id,))).fetchall()
        for (id,) in siblings:
            further, _ = await settle(self, lease, seq + len(steps), inbox_id, click.model_copy(update={"action_id": id}))
            steps += further
        return steps, left_seconds

    monkeypatch.setattr(Store, "settle", settle_all)


def a_lost_write_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As job queues do."""
    monkeypatch.setattr(Tool, "repeatable", property(always(True)))


def the_epoch_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that held a session once goes on writing into it."""
    without("HELD", " AND epoch = %(epoch)s", where=appending)(monkeypatch)
    for statement in ("SETTLE", "EDIT", "CLOSE", "START_ACTION", "START_GRANTED", "TELL"):
        without(statement, " AND epoch = %(epoch)s")(monkeypatch)


def always(answer: Any) -> Callable[..., Any]:
    """Return a function that says the same whatever it is asked."""
    return lambda *args, **more: answer


# ------------------------------------------------------------------------------------------------ what the yes covers


def words_are_not_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a tool's author says of it may change below a card."""
    digest = for_approved.action_digest

    def wordless(
        session_id: str, tool: Tool, arguments: Any, verdict: Any, wording: Wording, preview: Preview | None = None
    ) -> str:
        return digest(session_id, tool, arguments, verdict, Wording(effect="", verb=""), preview)

    for module in (for_approved, for_clicks, for_lost_runs, proposals):
        monkeypatch.setattr(module, "action_digest", wordless)


def a_handler_does_not_look_at_what_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It acts at the price of the moment."""
    monkeypatch.setattr(bound, "check_bound", always(None))


def a_cut_card_keeps_its_button(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown in part is approved as a whole."""
    what = open_row.what_blocks

    def whole(row: Row, room: TextRoom, *, on_lines: bool = False) -> tuple[list[SlackBlock], bool]:
        return what(row, room, on_lines=on_lines)[0], True

    for module in (open_row, batch):
        monkeypatch.setattr(module, "what_blocks", whole)


def a_call_that_fails_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its preview says so in small grey type."""
    monkeypatch.setattr(definition, "WOULD_FAIL", frozenset[str]())


# ------------------------------------------------------------------------------------------------ who, and by which rule


def an_unclear_rule_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that cannot be evaluated is taken for one that does not hold."""

    def holds(tried: Tried) -> bool:
        return bool(tried.matched)

    monkeypatch.setattr(Tried, "counts", property(holds))


def a_turn_forgets_who_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last speaker asked for it."""

    def speakers(session: Session) -> tuple[str, ...]:
        return session.turn.speakers

    monkeypatch.setattr(Session, "requesters", property(speakers))


def what_was_read_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No source outlives its result."""

    def forget(context: Context, source: str) -> Context:
        return context

    monkeypatch.setattr(sources, "read_source", forget)


def a_guest_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody in the channel is a member like all others."""
    monkeypatch.setattr(deciders, "_is_fit", always(True))


def every_host_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read may be sent anywhere."""
    monkeypatch.setattr(hosts, "is_allowed", always(True))


# ------------------------------------------------------------------------------------------------ bounds, record, what is seen


def cards_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the model asks for."""
    monkeypatch.setattr(for_calls, "too_many_cards", always(None))


def nothing_is_recorded_of_what_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit log has what stood on cards, and no more."""
    monkeypatch.setattr(for_calls, "_audit_note", always(None))


def what_is_invisible_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fillers and tags are letters by their category, or unassigned."""
    monkeypatch.setattr(harmless_text, "default_ignorable", always(False))
