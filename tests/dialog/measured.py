"""What is measured while a test runs: figures as they would be exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

from tests.stores.core import until


@cache
def _reader() -> InMemoryMetricReader:
    """A process has one meter provider for its life. What was read before is not read again."""
    since = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
    reader = InMemoryMetricReader(preferred_temporality=dict(since))
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return reader


@dataclass(frozen=True)
class Row:
    """One row of labels of an instrument: a number, or of a histogram how many and their sum."""

    name: str
    unit: str
    data: str  # Sum, Gauge or Histogram
    labels: Mapping[str, Any]
    value: float
    count: int = 0
    bounds: tuple[float, ...] = ()


class Measured:
    """The figures since the test began."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def rows(self) -> Sequence[Row]:
        """Everything that was measured so far; of a gauge each look."""
        read = _reader().get_metrics_data()
        for resource in read.resource_metrics if read is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points: Sequence[Any] = metric.data.data_points
                    kind = type(metric.data).__name__
                    for point in points:
                        value, count = (point.sum, point.count) if kind == "Histogram" else (point.value, 0)
                        bounds = tuple(point.explicit_bounds) if kind == "Histogram" else ()
                        row = Row(metric.name, metric.unit or "", kind, dict(point.attributes), value, count, bounds)
                        self._rows.append(row)
        return self._rows

    def of(self, name: str, **labels: str) -> list[Row]:
        """The rows of an instrument with these labels; an underscore stands for a dot."""
        wanted = labels.items()
        return [
            row
            for row in self.rows()
            if row.name == name and all({k.replace(".", "_"): v for k, v in row.labels.items()}.get(k) == v for k, v in wanted)
        ]

    def sum(self, name: str, **labels: str) -> float:
        """What these rows come to."""
        return sum(row.value for row in self.of(name, **labels))

    def count(self, name: str, **labels: str) -> int:
        """How many values were recorded in these histograms."""
        return sum(row.count for row in self.of(name, **labels))

    async def comes_to(self, number: float, name: str, **labels: str) -> None:
        """Until these rows come to a number: some things are counted after people see them."""

        async def there() -> bool:
            return self.sum(name, **labels) == number

        await until(there)


@pytest.fixture
def measured() -> Measured:
    """What this test measures."""
    _reader().get_metrics_data()
    return Measured()
