"""Event files, read by our own reader and by TensorBoard's: the same, and no fault in what is torn."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meticulous.metrics.event_files import EventFile

pytest.importorskip("tensorflow")  # which TensorBoard needs to make some of these events
writer_of = pytest.importorskip("tensorboard.summary.writer.event_file_writer")


def _write(folder, count=100, start=0):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary import pb

    writer = writer_of.EventFileWriter(str(folder))
    for step in range(start, start + count):
        value = Summary.Value(tag="loss é", simple_value=1 / (step + 1))
        writer.add_event(Event(step=step, wall_time=1000.5 + step, summary=Summary(value=[value])))
        tensor = Event(step=step, wall_time=2.0)
        tensor.summary.ParseFromString(pb("tensor", float(step)).SerializeToString())
        writer.add_event(tensor)
    writer.close()
    (path,) = folder.glob("*tfevents*")
    return path


def test_scalars_of_both_kinds_are_those_that_were_written(tmp_path):
    found = list(EventFile(str(_write(tmp_path))).read())
    losses = [entry for entry in found if entry[2] == "loss é"]
    assert [(step, 1000.5 + step) for step in range(100)] == [entry[:2] for entry in losses]
    assert [pytest.approx(1 / (step + 1), rel=1e-6) for step in range(100)] == [
        v for *_, v in losses
    ]
    tensors = [value for _, _, tag, value in found if tag.startswith("tensor")]
    assert [float(step) for step in range(100)] == tensors


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_a_file_that_grows_is_read_on_from_where_it_was_left(tmp_path, size):
    content = _write(tmp_path, 10).read_bytes()
    grown = tmp_path / "grown"
    grown.write_bytes(b"")
    reader = EventFile(str(grown))
    found: list[Any] = []
    for start in range(0, len(content), size):
        with grown.open("ab") as file:
            file.write(content[start : start + size])
        found += reader.read()
    assert found == list(EventFile(str(next(tmp_path.glob("*tfevents*")))).read())
    assert len(found) == 20


@pytest.mark.parametrize("cut", [1, 5, 12, 40])
def test_a_truncated_file_gives_what_is_whole(tmp_path, cut):
    path = _write(tmp_path, 10)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(list(EventFile(str(path)).read())) == 19


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\xff" * 1000, b"\0" * 1000, bytes(range(256)) * 8]
)
def test_what_is_no_event_file_gives_nothing(tmp_path, content):
    path = tmp_path / "x.tfevents.1"
    path.write_bytes(content)
    assert [] == list(EventFile(str(path)).read())


def test_damage_within_ends_the_reading_without_a_fault(tmp_path):
    path = _write(tmp_path, 50)
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 2, len(content), 7):
        content[at] ^= 0xFF
    path.write_bytes(content)
    found = list(EventFile(str(path)).read())
    assert 10 < len(found) < 100
    assert not any(math.isnan(time_s) for _, time_s, _, _ in found[:10])
