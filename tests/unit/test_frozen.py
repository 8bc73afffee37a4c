"""A frozen value with other fields."""

from dataclasses import dataclass

import pytest

from agent.session.evolve import replace


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


def test_the_copy_differs_in_the_named_fields_only() -> None:
    point = Point(1, 2)
    assert replace(point, y=3) == Point(1, 3)
    assert point == Point(1, 2)


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="Point has no field z"):
        replace(Point(1), z=3)
