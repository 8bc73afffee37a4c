"""What a card was shown to act on, beside what it would act on now."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from agent.canonical import canonical, same
from agent.tool.definition import ChangedError
from agent.types import Change


def check_bound(shown: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> None:
    """Let a run go on that acts on exactly what its preview had resolved. Raises ChangedError, which says what is different.

    Call it at the last moment at which nothing has happened yet: in the transaction that writes, after the locks.
    """
    if found := resolved_otherwise(shown, now):
        raise ChangedError(*found)


def resolved_otherwise(shown: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> tuple[Change, ...]:
    """Return what arguments resolve to now and did not then, each as before and after."""
    return tuple(
        change for argument in {**shown, **now} for change in _resolved(argument, shown.get(argument), now.get(argument))
    )


def _resolved(argument: str, shown: JsonValue, now: JsonValue) -> Iterator[Change]:
    if isinstance(shown, dict) and isinstance(now, dict):
        for part in {**shown, **now}:
            yield from _resolved(f"{argument}: {part}", shown.get(part), now.get(part))
    elif not same(shown, now):
        yield Change(what=argument, before=_in_words(shown), after=_in_words(now))


def _in_words(value: JsonValue) -> str:
    return value if isinstance(value, str) else "(nothing)" if value is None else canonical(value)
