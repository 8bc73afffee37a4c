"""The settings of signoff.yaml as their own types have them: each section with its place in the file."""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from bot.config.file import Config
from bot.config.policy_section import RuleSection
from bot.config.sections import Section

NAME, ITEM = "NAME", "0"  # in a place: a name of one's own, and an entry of a list
Place = tuple[str, ...]


def sections() -> Mapping[Place, type[Section]]:
    """Return every section by its place, the file itself first, such as ("agents", "NAME", "budget")."""
    return dict(_within((), Config))


def _within(place: Place, section: type[Section]) -> Iterator[tuple[Place, type[Section]]]:
    yield place, section
    for name, field in section.model_fields.items():
        # A rule is made of its section together with its line, so the type of the field is another one.
        inner = [((ITEM,), RuleSection)] if (section, name) == (Config, "policy") else list(_inner(field.annotation))
        for more, found in inner:
            yield from _within((*place, name, *more), found)


def _inner(annotation: Any) -> Iterator[tuple[Place, type[Section]]]:
    """Yield the sections that a type holds, each with what leads to it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield (), annotation
    elif origin is Annotated:
        yield from _inner(arguments[0])
    elif origin in (Union, UnionType):
        for each in arguments:
            yield from _inner(each)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from (((NAME, *more), found) for more, found in _inner(arguments[1]))
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        yield from (((ITEM, *more), found) for more, found in _inner(arguments[0]))
