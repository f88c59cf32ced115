"""A DataFrame -> the bytes of a file, by the ending of its name."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd

from meticulous.errors import MeticulousError

__all__ = ["frame_bytes"]


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
            _without_offsets(_plain(frame)).to_excel(buffer, index=False)
        else:
            buffer.write(frame.to_html(index=False, na_rep="").encode("utf-8"))
    except ImportError as error:
        library = {"parquet": "pyarrow", "xlsx": "openpyxl", "html": "jinja2"}.get(kind, kind)
        hint = f"Install it with `pip install {library}`, or export to .csv"
        raise MeticulousError(f"writing .{kind} needs {library}", hint) from error
    return buffer.getvalue()


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
