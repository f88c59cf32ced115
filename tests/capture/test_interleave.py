"""Two streams put back into order: every byte once, and bars and lines where they belong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meticulous.capture.interleave import Interleaver, split_writes

WIPE = b"\r          \r"
OUT, ERR = 0, 1

pieces = st.sampled_from([b"a line\n", b"\rbar", WIPE, b"\r", b"\n", b"word", b"\x1b[A", b"\r\n"])
steps = st.one_of(
    st.tuples(st.just("turn"), st.sampled_from([OUT, ERR]), st.just(b"")),
    st.tuples(st.just("read"), st.sampled_from([OUT, ERR]), st.lists(pieces).map(b"".join)),
    st.tuples(st.just("void"), st.just(OUT), st.just(b"")),
    st.tuples(st.sampled_from(["complete", "due", "early"]), st.just(OUT), st.just(b"")),
)


def merged(turns: list[int], out: bytes, err: bytes, *, is_complete: bool = True) -> bytes:
    """What is given of `out` and `err`, written in `turns`, as one."""
    merge = Interleaver()
    merge.read[OUT] += out
    merge.read[ERR] += err
    for place in turns:
        merge.add_turn(place)
    return b"".join(part for _, part in merge.give(is_complete=is_complete))


@given(st.lists(steps))
def test_every_byte_of_each_stream_is_given_once_and_in_order(
    history: list[tuple[str, int, bytes]],
) -> None:
    merge = Interleaver()
    written, given_back = [b"", b""], [b"", b""]
    for what, place, content in [*history, ("complete", OUT, b"")]:
        if what == "turn":
            merge.add_turn(place)
        elif what == "read":
            merge.read[place] += content
            written[place] += content
        elif what == "void":
            merge.drop_void_turns()
        else:
            for given_place, part in merge.give(
                is_complete=what == "complete", is_due=what == "due"
            ):
                given_back[given_place] += part

    assert given_back == written
    assert merge.turns == []


@given(st.lists(pieces).map(b"".join), st.integers(0, 9), st.lists(st.integers(0, 20)))
def test_parts_are_the_whole_and_no_more_than_the_turns(
    content: bytes, count: int, places: list[int]
) -> None:
    wiped = sorted({place for place in places if place < len(content)})

    parts = split_writes(content, count, wiped)

    assert b"".join(parts) == content
    assert len(parts) <= max(1, count)


def test_lines_are_parted_after_their_ends() -> None:
    assert split_writes(b"a\nb\nc\n", 3) == [b"a\n", b"b\n", b"c\n"]


def test_states_of_a_line_are_parted_before_the_carriage_return() -> None:
    assert split_writes(b"\r10%\r20%", 2) == [b"\r10%", b"\r20%"]


def test_carriage_return_and_newline_are_not_parted() -> None:
    assert split_writes(b"a\r\nb\r\n", 2) == [b"a\r\n", b"b\r\n"]


def test_of_too_many_lines_the_first_go_first() -> None:
    assert split_writes(b"a\nb\nc\nd\n", 2) == [b"a\n", b"b\nc\nd\n"]


def test_what_has_no_seam_is_one_part() -> None:
    assert split_writes(b"word", 3) == [b"word"]


def test_a_line_goes_between_the_wiped_bar_and_the_next() -> None:
    err = b"\rbar 1" + WIPE + b"\rbar 1\rbar 2"

    assert merged([ERR, OUT, ERR], b"line\n", err) == (
        b"\rbar 1" + WIPE + b"line\n" + b"\rbar 1\rbar 2"
    )


def test_a_line_comes_after_all_of_several_bars_are_wiped() -> None:
    wipes = WIPE + b"\n" + WIPE + b"\x1b[A"

    assert merged([ERR, OUT, ERR], b"line\n", wipes + b"\rbar") == wipes + b"line\n" + b"\rbar"


def test_a_bar_whose_write_is_not_reported_yet_comes_last() -> None:
    assert merged([ERR, OUT], b"line\n", WIPE + b"\rbar") == WIPE + b"line\n" + b"\rbar"


def test_the_bar_waits_for_the_line_for_which_it_was_wiped_before() -> None:
    merge = Interleaver()
    merge.read[ERR] += WIPE
    merge.add_turn(ERR)
    assert list(merge.give(is_complete=True)) == [(ERR, WIPE)]
    merge.read[OUT] += b"line\n"
    merge.read[ERR] += b"\rbar"
    merge.add_turn(ERR)
    merge.add_turn(OUT)

    assert list(merge.give(is_complete=True)) == [(OUT, b"line\n"), (ERR, b"\rbar")]


def test_the_last_part_of_each_stream_is_kept_while_more_may_come() -> None:
    turns = [ERR, OUT, ERR, OUT]

    assert merged(turns, b"1\n2\n", b"a\nb\n", is_complete=False) == b"a\n1\n"


def test_a_turn_without_its_bytes_does_not_part_those_before_the_wipe() -> None:
    err = b"\rbar 1" + WIPE

    assert merged([ERR, OUT, ERR], b"line\n", err, is_complete=False) == err


def test_a_bar_is_not_parted_before_it_is_seen_to_be_wiped() -> None:
    assert merged([ERR, OUT, ERR], b"", b"\rbar 1\r     ", is_complete=False) == b""
