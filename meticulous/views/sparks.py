"""Columns of ``ls`` with the shape of what runs have logged."""

from __future__ import annotations

from collections.abc import Sequence

from meticulous.errors import RunFolderError, UnknownColumnError
from meticulous.metrics import series
from meticulous.metrics.overview import overview
from meticulous.query.question import Table
from meticulous.query.rows import Row
from meticulous.views.sparkline import sparkline

__all__ = ["with_sparks"]


def with_sparks(table: Table, names: Sequence[str]) -> Table:
    """Return `table` with a column ``spark_…`` for each of `names`, behind the others.

    Raises UnknownColumnError for a name that no run of it has logged.
    """
    logged = [one.removeprefix("metrics_") for one in table.all_names if one.startswith("metrics_")]
    for name in names:
        if name not in logged:
            raise UnknownColumnError(name, logged)
    rows = [{**row, **_sparks(row, names)} for row in table.rows]
    added = [f"spark_{name}" for name in names]
    return table._replace(
        rows=rows, names=[*table.names, *added], all_names=[*table.all_names, *added]
    )


def _sparks(row: Row, names: Sequence[str]) -> Row:
    try:
        found = overview(series.read(row["curexpdir"], names), names)
    except RunFolderError:
        return {}  # the index has said so already, or has read what is gone since
    return {f"spark_{one.name}": sparkline(one.curve) for one in found if one.curve}
