"""Text that is safe to show, and as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meticulous.base.text import as_bytes


@given(st.binary())
def test_bytes_that_were_no_text_come_back(content: bytes) -> None:
    assert content == as_bytes(content.decode("utf-8", "surrogateescape"))


@given(st.text(st.characters()))
def test_any_text_has_bytes(text: str) -> None:
    assert isinstance(as_bytes(text), bytes)


def test_half_a_character_is_a_question_mark() -> None:
    assert "a?ü\udcff?".encode("utf-8", "surrogateescape") == as_bytes("a\ud800ü\udcff\udfff")
