"""The index is never trusted over the folders, and nothing that happens to it changes an answer."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meticulous.query.cache import sqlite_file, stamps, sync
from meticulous.query.cache.index import Index, Order
from meticulous.query.rows import Row
from tests.asking_support import make_run
from tests.conftest import wait_until


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "experiments"
    path.mkdir()
    return path


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every finished run count as settled at once."""
    monkeypatch.setattr(stamps, "MARGIN_S", 0.0)


def listed(directory: Path, **options: Any) -> list[Row]:
    troubles: list[str] = []
    rows = sync.ask(
        str(directory), lambda runs: runs.select(), lambda e: troubles.append(str(e)), **options
    )
    assert [] == troubles
    return rows


def ids(directory: Path, **options: Any) -> list[object]:
    return [row["expid"] for row in listed(directory, **options)]


def test_runs_come_in_start_order_whatever_their_ids(directory: Path) -> None:
    make_run(directory, 2, minute=1)
    make_run(directory, 1, minute=3)
    make_run(directory, "baseline", minute=2)
    make_run(directory, 10, minute=3)

    assert [2, "baseline", 1, 10] == ids(directory)
    assert [2, "baseline", 1, 10] == ids(directory)


def test_what_changes_in_a_directory_is_seen(directory: Path, settled: None) -> None:
    make_run(directory, 1)
    seen = [ids(directory)]
    make_run(directory, 2)
    seen.append(ids(directory))
    shutil.rmtree(directory / "1")
    seen.append(ids(directory))
    make_run(directory, 1, status="ERROR")
    seen.append([(row["expid"], row["status"]) for row in listed(directory)])
    (directory / "2").rename(directory / "two")
    seen.append(ids(directory))

    expected = [[1], [1, 2], [2], [(1, "ERROR"), (2, "SUCCESS")], [1, "two"]]
    assert expected == seen


def test_a_run_is_followed_until_it_ends(directory: Path, settled: None) -> None:
    run = make_run(directory, 1, status="RUNNING")
    seen = [listed(directory)[0]["status"]]
    run.write_json("summary.json", {"loss": 1})
    seen.append(listed(directory)[0].get("summary_loss"))
    Path(run.path, "summary.json").write_text('{"loss": 2}')
    seen.append(listed(directory)[0].get("summary_loss"))
    run.write_status("SUCCESS")
    seen.append(listed(directory)[0]["status"])

    assert ["RUNNING", 1, 2, "SUCCESS"] == seen


def test_a_folder_becomes_a_run_when_its_files_are_there(directory: Path, settled: None) -> None:
    (directory / "1").mkdir()
    before = ids(directory)
    make_run(directory / "elsewhere", 1)
    for file in (directory / "elsewhere" / "1").iterdir():
        file.rename(directory / "1" / file.name)

    assert ([], [1]) == (before, ids(directory))


def test_a_settled_run_is_read_again_only_when_asked(directory: Path, settled: None) -> None:
    run = make_run(directory, 1, summary={"loss": 1})
    listed(directory)
    # Nobody but a person with an editor writes into a file in place, and after the end.
    Path(run.path, "summary.json").write_text('{"loss": 2}')

    assert 1 == listed(directory)[0]["summary_loss"]
    assert 2 == listed(directory, refresh=True)[0]["summary_loss"]
    assert 2 == listed(directory)[0]["summary_loss"]


def test_touching_the_directory_shows_an_edited_run(directory: Path, settled: None) -> None:
    run = make_run(directory, 1, tags=["old"])
    listed(directory)
    run.write_json("metadata.json", {**run.read_metadata(), "tags": ["new"]})
    os.utime(directory)

    assert "new" == listed(directory)[0]["tags"]


def test_a_recorder_that_is_killed_is_noticed_though_no_file_changes(
    directory: Path, settled: None
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    make_run(directory, 1, status="RUNNING", host=os.uname().nodename, pid=child.pid)
    before = listed(directory)[0]["status"]
    child.kill()
    child.wait()
    assert child.stdin is not None
    child.stdin.close()

    Path(directory, "1", "stdout").write_text("")
    os.utime(directory / "1" / "stdout", (time.time() - 7200, time.time() - 7200))

    assert ("RUNNING", "LOST") == (before, listed(directory)[0]["status"])
    assert listed(directory)[0]["status_message"].endswith("is gone, last heard of 2h00m ago")
    os.utime(directory / "1" / "stdout", (time.time() - 7200, time.time() - 10_800))
    assert listed(directory)[0]["status_message"].endswith("is gone, last heard of 3h00m ago")


def test_a_run_that_cannot_be_read_is_reported_each_time_and_then_listed(
    directory: Path, settled: None
) -> None:
    make_run(directory, 1)
    broken = make_run(directory, 2)
    Path(broken.path, "args.json").write_text("{")
    troubles: list[str] = []
    for _ in range(2):
        rows = sync.ask(str(directory), Index.select, lambda e: troubles.append(str(e)))
        assert [1] == [row["expid"] for row in rows]
    assert 2 == len(troubles)
    assert "2/args.json" in troubles[0]

    Path(broken.path, "args.json").write_text("{}")

    assert [1, 2] == ids(directory)


def test_a_directory_that_moved_is_read_where_it_is(directory: Path, settled: None) -> None:
    make_run(directory, 1)
    listed(directory)
    moved = directory.parent / "moved"
    directory.rename(moved)
    directory.mkdir()
    make_run(directory, 7)

    assert ([1], [7]) == (ids(moved), ids(directory))
    assert str(directory / "7") == listed(directory)[0]["curexpdir"]


def test_a_copy_made_over_a_directory_with_its_old_times_is_read(
    directory: Path, settled: None
) -> None:
    run = make_run(directory, 1, summary={"loss": 1})
    listed(directory)
    times = [(path, os.stat(path).st_mtime_ns) for path in (directory, Path(run.path))]
    other = directory.parent / "other"
    make_run(other, 1, summary={"loss": 2})
    shutil.rmtree(run.path)
    (other / "1").rename(run.path)
    for path, stamp in times:
        os.utime(path, ns=(stamp, stamp))

    assert 2 == listed(directory)[0]["summary_loss"]


def spoil_with_garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def spoil_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


def spoil_by_cutting(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def spoil_the_middle(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        for place in range(sqlite_file._PAGE_BYTES, size, sqlite_file._PAGE_BYTES):
            file.seek(place)
            file.write(b"\xff" * 2000)


def spoil_a_row(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET row = '[1'")


def spoil_the_tables(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE scalars")


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_with_garbage,
        spoil_by_emptying,
        spoil_by_cutting,
        spoil_the_middle,
        spoil_a_row,
        spoil_the_tables,
    ],
)
def test_a_broken_index_is_made_anew(directory: Path, spoil: Any, settled: None) -> None:
    for number in range(1, 60):
        make_run(directory, number, {"text": "x" * 500})
    before = ids(directory)
    path = Path(sqlite_file.path_for(str(directory)))
    spoil(path)

    assert before == ids(directory)
    assert before == ids(directory)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert [(59,)] == connection.execute("SELECT count(*) FROM scalars").fetchall()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "_WAIT_S", 0.05)


@contextlib.contextmanager
def holding(directory: Path) -> Iterator[None]:
    """Hold the lock for writing, as a process does that was stopped in the middle of it."""
    with contextlib.closing(sqlite3.connect(sqlite_file.path_for(str(directory)))) as other:
        other.isolation_level = None
        other.execute("BEGIN EXCLUSIVE")
        yield


def test_a_locked_index_is_done_without(directory: Path, impatient: None) -> None:
    make_run(directory, 1)
    listed(directory)
    make_run(directory, 2)

    with holding(directory):
        assert [1, 2] == ids(directory)
    assert [1, 2] == ids(directory)


def test_a_cache_that_cannot_be_written_is_done_without(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("METICULOUS_CACHE_DIR", str(tmp_path / "file" / "below"))
    make_run(directory, 1)

    assert [1] == ids(directory)


@pytest.mark.parametrize("kind", ["of another user", "link of another user", "open to everybody"])
def test_a_cache_directory_that_others_can_write_is_not_used(
    kind: str, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "theirs"
    cache.mkdir()
    monkeypatch.setenv("METICULOUS_CACHE_DIR", str(cache))
    if kind == "open to everybody":
        cache.chmod(0o777)
    elif os.getuid() != 0:
        pytest.skip("needs root, to give folders away")
    elif kind == "of another user":
        os.chown(cache, 2001, 2001)
    else:
        link = tmp_path / "link"
        link.symlink_to(cache)
        os.lchown(link, 2001, 2001)
        monkeypatch.setenv("METICULOUS_CACHE_DIR", str(link))
    make_run(directory, 1)

    assert [1] == ids(directory)
    assert list(cache.iterdir()) == []


def test_a_full_disk_is_done_without(directory: Path, tmp_path: Path) -> None:
    for number in range(1, 100):
        make_run(directory, number, {"text": "x" * 2000})
    code = """if True:
        import sys
        from meticulous.query.cache import sync
        print(len(sync.ask(sys.argv[1], lambda runs: runs.select(), print)))
    """

    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )

    assert ("99\n", "") == (done.stdout, done.stderr)
    assert 99 == len(ids(directory))


def test_a_writer_that_is_killed_leaves_an_index_that_answers(directory: Path) -> None:
    for number in range(1, 40):
        make_run(directory, number)
    code = """if True:
        import os, sys
        from meticulous.query.cache import sqlite_file, stamps, sync
        stamps.CHUNK = 5
        store = sqlite_file.store
        def die(connection, entries, stored=[]):
            store(connection, entries)
            stored += entries
            if len(stored) > 12:
                os.kill(os.getpid(), 9)
        sqlite_file.store = die
        sync.ask(sys.argv[1], lambda runs: runs.select(), print)
    """

    killed = subprocess.run([sys.executable, "-c", code, str(directory)], check=False)

    assert -signal.SIGKILL == killed.returncode
    assert list(range(1, 40)) == ids(directory)


def test_three_thousand_columns_are_all_there(directory: Path) -> None:
    many = {f"x{number}": number for number in range(3000)}
    make_run(directory, 1, many)
    make_run(directory, 2, {name: -value for name, value in many.items()})

    def question(runs: Index) -> tuple[int, list[object]]:
        last = runs.select(order=[Order("args_x2999", largest_first=True)])
        return len(runs.names()), [row["expid"] for row in last]

    count, order = sync.ask(str(directory), question, lambda error: None)
    assert count > 3000
    assert [1, 2] == order
    assert many == {
        name.removeprefix("args_"): value
        for name, value in listed(directory)[0].items()
        if name.startswith("args_")
    }


@pytest.mark.parametrize("depth", [100, 400, 900, 5000])
def test_deep_nesting_is_read_or_reported(directory: Path, depth: int) -> None:
    make_run(directory, 1)
    deep = make_run(directory, 2)
    Path(deep.path, "args.json").write_text('{"a":' * depth + "1" + "}" * depth)
    troubles: list[str] = []

    rows = sync.ask(str(directory), Index.select, lambda e: troubles.append(str(e)))

    assert len(rows) + len(troubles) == 2
    assert 1 == rows[0]["expid"]


def test_a_huge_summary_is_read_and_kept(directory: Path) -> None:
    make_run(directory, 1, summary={"curve": ["x" * 1000] * 5000, "loss": 1})

    assert 5000 == len(listed(directory)[0]["summary_curve"])
    assert 5000 == len(listed(directory)[0]["summary_curve"])


def test_names_and_values_that_are_no_text_are_kept(directory: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    make_run(directory, odd, {odd: odd, "big": 2**70, "nul": "a\0b"})

    for _ in range(2):
        (row,) = listed(directory)
        assert (odd, odd, 2**70, "a\0b") == (
            row["expid"],
            row[f"args_{odd}"],
            row["args_big"],
            row["args_nul"],
        )


def test_many_runs_are_read_by_several_processes(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "_WORTH_FORKING", 10)
    monkeypatch.setattr(stamps, "CHUNK", 7)
    for number in range(1, 51):
        make_run(directory, number)
    steps: list[tuple[int, int]] = []

    found = ids(directory, parallel=True, progress=lambda *step: steps.append(step))

    assert list(range(1, 51)) == found
    assert (50, 50) == steps[-1]


MAKE = """if True:
    import sys
    from tests.asking_support import make_run
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 60):
        make_run(sys.argv[1], number, {"n": number}, {"loss": number / 2})
    print("done")
"""
LIST = """if True:
    import sys
    from meticulous.query import filters
    from meticulous.query.cache import sync
    def question(runs):
        return runs.select(filters.parse("args_n > -1", [*runs.names(), "args_n"])), runs.count()
    seen = 0
    while True:
        rows, count = sync.ask(sys.argv[1], question, lambda e: sys.exit(str(e)))
        for row in rows:
            assert row["args_n"] == row["expid"], row
        assert count >= seen, (count, seen)
        seen = count
        print(count, flush=True)
"""


def test_others_make_runs_while_several_list_them(directory: Path) -> None:
    start = [sys.executable, "-c"]
    listers = [
        subprocess.Popen([*start, LIST, directory], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    makers = [subprocess.Popen([*start, MAKE, directory, str(first)]) for first in (1, 1001)]
    for maker in makers:
        assert 0 == maker.wait(60)
    counts = []
    for lister in listers:
        assert lister.stdout is not None
        wait_until(lambda pipe=lister.stdout: b"120\n" == pipe.readline(), "all runs are listed")
        counts.append(lister.poll())
        lister.kill()
        lister.communicate()

    assert [None, None, None] == counts
    assert 120 == len(ids(directory))


def test_the_index_can_be_removed_only_while_nobody_uses_it(directory: Path) -> None:
    make_run(directory, 1)
    listed(directory)
    with contextlib.closing(sqlite_file.on_disk(str(directory))), pytest.raises(BlockingIOError):
        sqlite_file.discard(str(directory))

    sqlite_file.discard(str(directory))

    assert not os.path.exists(sqlite_file.path_for(str(directory)))
    assert [1] == ids(directory)
