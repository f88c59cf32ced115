"""Kept columns: the same as those of the lines, whatever has happened to the file since."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meticulous.metrics import cache
from meticulous.metrics.table import Table, parse

LINES = 25_000


def line(step: int, **values: object) -> str:
    return json.dumps({"step": step, "time": 1.7e9 + step, **values}) + "\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a file that is worth keeping, of several kinds of lines."""
    made = tmp_path / "metrics.jsonl"
    with made.open("w") as file:
        for step in range(LINES):
            file.write(line(step, loss=step / 7, lr=0.1))
            if step % 100 == 0:
                file.write(line(step, val=step, rank=1, attempt=2, note="ü"))
    assert made.stat().st_size > cache._WORTH_KEEPING
    return made


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how many bytes were parsed, call by call."""
    counts: list[int] = []

    def counting(content: bytes, first: int = 0) -> Table:
        counts.append(len(content))
        return parse(content, first)

    monkeypatch.setattr(cache, "parse", counting)
    return counts


def content(table: Table) -> dict[str, object]:
    return {
        "steps": table.steps.tolist(),
        "times": table.times.tolist(),
        "attempts": [table.attempt_of(row) for row in range(table.count)],
        "ranks": [table.rank_of(row) for row in range(table.count)],
        **{
            name: (list(column.places()), column.numbers.tobytes(), column.texts)
            for name, column in table.columns.items()
        },
    }


def fresh(path: Path) -> dict[str, object]:
    return content(parse(path.read_bytes()))


def test_what_is_kept_is_what_was_read(path: Path, parsed: list[int]) -> None:
    first = content(cache.load(str(path)))
    assert sum(parsed) == path.stat().st_size
    parsed.clear()

    assert fresh(path) == first == content(cache.load(str(path)))
    assert 0 == sum(parsed)


def test_only_new_lines_are_parsed(path: Path, parsed: list[int]) -> None:
    cache.load(str(path))
    parsed.clear()
    with path.open("a") as file:
        file.write(line(LINES, loss=1, new="x"))

    found = cache.load(str(path))
    assert sum(parsed) < 200
    assert fresh(path) == content(found)
    assert {0: "x"} == found.columns["new"].texts


def test_much_that_is_new_is_kept(path: Path, parsed: list[int]) -> None:
    cache.load(str(path))
    with path.open("a") as file:
        file.writelines(line(LINES + step, loss=step) for step in range(LINES))
    cache.load(str(path))
    parsed.clear()

    assert fresh(path) == content(cache.load(str(path)))
    assert 0 == sum(parsed)


def test_some_names_only(path: Path) -> None:
    for _ in range(2):
        found = cache.load(str(path), ["val", "nothing"])
        assert ["val"] == list(found.columns)
        assert LINES // 100 == len(found.columns["val"])
    with path.open("a") as file:
        file.write(line(LINES, val=1, other=2))
    assert ["val"] == list(cache.load(str(path), ["val"]).columns)


def _truncated(path: Path) -> None:
    os.truncate(path, 500_000)


def _replaced(path: Path) -> None:
    text = path.read_text().replace("0.1", "0.2")
    path.unlink()
    path.write_text(text)


def _written_over(path: Path) -> None:
    """Put other lines of the same length into the same file."""
    text = path.read_text().replace("0.1", "0.3")
    state = path.stat()
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def _begun_anew(path: Path) -> None:
    """Put more lines than before into the same file."""
    with path.open("w") as file:
        file.writelines(line(step, other=step, a=1, b=2, c=3) for step in range(2 * LINES))


def _emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    "change",
    [_truncated, _replaced, _written_over, _begun_anew, _emptied],
    ids=lambda f: f.__name__,
)
def test_a_file_that_has_become_another_is_read_anew(
    path: Path, change: Callable[[Path], None]
) -> None:
    cache.load(str(path))
    change(path)

    expected = path.read_bytes()
    expected = expected[: expected.rfind(b"\n") + 1]
    assert content(parse(expected) if expected else Table()) == content(cache.load(str(path)))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_kept_columns_that_are_cut_short_are_not_used(path: Path, share: float) -> None:
    cache.load(str(path))
    kept = cache.path_for(str(path))
    os.truncate(kept, int(os.path.getsize(kept) * share))

    assert fresh(path) == content(cache.load(str(path)))


def test_kept_columns_that_are_nonsense_are_not_used(path: Path) -> None:
    cache.load(str(path))
    Path(cache.path_for(str(path))).write_bytes(b"mtcols01" + b"\xff" * 100)

    assert fresh(path) == content(cache.load(str(path)))


def test_where_nothing_can_be_kept_the_lines_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("METICULOUS_CACHE_DIR", str(tmp_path / "file"))

    assert fresh(path) == content(cache.load(str(path)))


def test_a_small_file_is_not_kept(tmp_path: Path) -> None:
    small = tmp_path / "metrics.jsonl"
    small.write_text(line(0, x=1))
    cache.load(str(small))

    assert not os.path.exists(os.path.dirname(cache.path_for(str(small))))


def test_the_oldest_are_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_FILES", 2)
    kept = []
    for number in range(4):
        copy = path.with_name(f"m{number}")
        copy.write_bytes(path.read_bytes())
        cache.load(str(copy))
        kept.append(cache.path_for(str(copy)))
        os.utime(kept[-1], (number, number))

    assert [False, False, True, True] == [os.path.exists(one) for one in kept]


def test_a_line_that_is_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(0, x=1) + line(1, text="y" * 500_000, x=2) + line(2, x=3))

    found = cache.load(str(path))

    assert [1, 2, 3] == found.columns["x"].numbers.tolist()
    assert 500_000 == len(found.columns["text"].texts[0])
