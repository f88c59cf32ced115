"""A DataFrame -> the bytes of a file, by the ending of its name."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pandas as pd

from meticulous.errors import MeticulousError

__all__ = ["frame_bytes"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML, and so a sheet, cannot hold."""


def frame_bytes(frame: pd.DataFrame, kind: str) -> bytes:
    """Write `frame` in the format `kind`: ``pd`` (pickle), ``parquet``, ``xlsx`` or ``html``.

    Raises MeticulousError where the library for it is not installed.
    """
    buffer = io.BytesIO()
    try:
        if kind == "pd":
            frame.to_pickle(buffer)
        elif kind == "parquet":
            _plain(frame).to_parquet(buffer, index=False)
        elif kind == "xlsx":
            _write_sheet(_without_offsets(_plain(frame)), buffer)
        else:
            buffer.write(frame.to_html(index=False, na_rep="").encode("utf-8"))
    except ImportError as error:
        library = {"parquet": "pyarrow", "xlsx": "openpyxl", "html": "jinja2"}.get(kind, kind)
        hint = f"Install it with `pip install {library}`, or export to .csv"
        raise MeticulousError(f"writing .{kind} needs {library}", hint) from error
    return buffer.getvalue()


def _write_sheet(frame: pd.DataFrame, buffer: io.BytesIO) -> None:
    """Write a sheet in which text is text: no formula, and control characters as escapes."""
    texts = {
        name: pd.Series([_printable(value) for value in frame[name]], dtype=object)
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name])
    }
    heads = [_printable(name) for name in frame.columns]
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        frame.assign(**texts).set_axis(heads, axis="columns").to_excel(writer, index=False)
        for row in writer.book.active.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    cell.data_type = "s"


def _printable(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), value)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return columns of mixed types as text, which the formats with typed columns need."""
    for name in frame.columns:
        if frame[name].dtype == "object":
            frame = frame.assign(
                **{name: pd.Series(list(map(_as_text, frame[name])), dtype=object)}
            )
    return frame


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _without_offsets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return times as text: a sheet knows no offsets."""
    times = [name for name in frame.columns if str(frame[name].dtype).startswith("datetime64")]
    return frame.assign(**{name: frame[name].astype(str) for name in times})
