"""Two streams on one terminal: nothing lost, and the order of writing where it can be known."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from meticulous.capture.files import StreamFile, Timeline
from meticulous.capture.streams import Stream
from meticulous.capture.write_order import OrderedPair, WriteOrder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

SLOW_BAR = r"""
import os, time
for number in range(25):
    for stream, text in ((2, "\r      \r"), (1, f"step {number}\n"), (2, f"\rbar {number}")):
        os.write(stream, text.encode())
        time.sleep(0.02)
"""
SLOW_BAR_AS_WRITTEN = "".join(f"\r      \rstep {number}\n\rbar {number}" for number in range(25))
QUICK_BAR = SLOW_BAR.replace("time.sleep(0.02)", "pass").replace("range(25)", "range(5000)")


def shown(tmp_path: Path, script: str, reader: Callable[[int], bytes] = lambda _: b"") -> bytes:
    """Run `script` on two pseudo-terminals; return what one terminal shows, both files kept beside.

    `reader`, if it gives anything, reads the beginning of what is shown.
    """
    masters, slaves = zip(*(os.openpty() for _ in range(2)), strict=True)
    order = WriteOrder([os.ttyname(slave) for slave in slaves])
    for slave in slaves:
        tty.setraw(slave)
    shown_end, sink = os.pipe()
    troubles: list[str] = []

    def failed(name: str, error: OSError) -> None:
        troubles.append(f"{name}: {error}")

    timeline = Timeline(str(tmp_path / "timeline"), time.monotonic(), failed)
    streams = [
        Stream(
            name,
            master,
            sink,
            [StreamFile(name, str(tmp_path / name), timeline, failed)],
            failed,
            failed,
        )
        for name, master in zip(("stdout", "stderr"), masters, strict=True)
    ]
    child = subprocess.Popen([sys.executable, "-c", script], stdout=slaves[0], stderr=slaves[1])
    for slave in slaves:
        os.close(slave)
    duet = OrderedPair(streams, order)
    duet.start()
    closer = threading.Thread(target=lambda: (duet.join(), os.close(sink)))
    closer.start()
    content = [reader(shown_end)]
    while chunk := os.read(shown_end, 1 << 16):
        content.append(chunk)
    closer.join()
    child.wait()
    for descriptor in (*masters, shown_end):
        os.close(descriptor)
    assert troubles == []
    return b"".join(content)


def test_lines_and_a_bar_are_shown_as_they_were_written(tmp_path: Path) -> None:
    assert shown(tmp_path, SLOW_BAR).decode() == SLOW_BAR_AS_WRITTEN


def test_each_stream_is_whole_however_quickly_both_are_written(tmp_path: Path) -> None:
    content = shown(tmp_path, QUICK_BAR)
    out = "".join(f"step {number}\n" for number in range(5000))
    err = "".join(f"\r      \r\rbar {number}" for number in range(5000))

    assert (tmp_path / "stdout").read_text() == out
    assert (tmp_path / "stderr").read_bytes() == err.encode()
    assert len(content) == len(out) + len(err)


def test_long_writes_to_both_streams_are_whole(tmp_path: Path) -> None:
    script = "import os\nfor stream in (1, 2) * 3: os.write(stream, b'%d' % stream * 300_000)"

    content = shown(tmp_path, script)

    assert (tmp_path / "stdout").read_bytes() == b"1" * 900_000
    assert (tmp_path / "stderr").read_bytes() == b"2" * 900_000
    assert len(content) == 1_800_000


@pytest.mark.parametrize("stream", [1, 2])
def test_one_stream_goes_on_when_the_other_is_closed(tmp_path: Path, stream: int) -> None:
    script = f"import os; os.write({3 - stream}, b'a'); os.close({3 - stream})\n"
    script += f"for _ in range(100): os.write({stream}, b'b')"

    assert shown(tmp_path, script) == b"a" + b"b" * 100


def test_a_slow_reader_loses_nothing(tmp_path: Path) -> None:
    def slow(descriptor: int) -> bytes:
        parts = []
        for _ in range(50):
            time.sleep(0.005)
            parts.append(os.read(descriptor, 100))
        return b"".join(parts)

    content = shown(tmp_path, QUICK_BAR, slow)

    kept = (tmp_path / "stdout").read_bytes() + (tmp_path / "stderr").read_bytes()
    assert sorted(content) == sorted(kept)
    assert content.count(b"step") == 5000


def test_the_order_of_writing_is_told_without_lengths() -> None:
    master, slave = os.openpty()
    other_master, other_slave = os.openpty()
    order = WriteOrder([os.ttyname(slave), os.ttyname(other_slave)])

    for descriptor in (slave, other_slave, other_slave, slave):
        os.write(descriptor, b"x")

    assert order.take() == [0, 1, 0]
    assert order.take() == []

    order.close()
    for descriptor in (master, slave, other_master, other_slave):
        os.close(descriptor)


def test_a_terminal_that_cannot_be_watched_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        WriteOrder([str(tmp_path / "none")])
