"""The grammar of values."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import UsageError
from meticulous.sweep.space import Distribution, distribution
from meticulous.sweep.values import axis, length, quoted, split


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lr=0.1,0.01", ["0.1", "0.01"]),
        ("lr=0.10", ["0.10"]),
        ("seed=0..4", ["0", "1", "2", "3", "4"]),
        ("seed=4..2", ["4", "3", "2"]),
        ("seed=0..10..5", ["0", "5", "10"]),
        ("seed=-1..1,7", ["-1", "0", "1", "7"]),
        ("n=range(1,10,3)", ["1", "4", "7"]),
        ("n=range(3)", ["0", "1", "2"]),
        ("x=linspace(0,1,5)", ["0", "0.25", "0.5", "0.75", "1"]),
        ("x=linspace(0,0.3,4)", ["0", "0.1", "0.2", "0.3"]),
        ("lr=logspace(-4,-1,4)", ["0.0001", "0.001", "0.01", "0.1"]),
        ("name='a,b',c", ["a,b", "c"]),
        ("name='it''s'", ["its"]),
        (r"name=a\,b,it\'s", ["a,b", "it's"]),
        ("name=''", [""]),
        ("name=a b", ["a b"]),
        ("path=../data", ["../data"]),
        ("act=Softplus(beta=2,eps=1)", ["Softplus(beta=2,eps=1)"]),
        ("dims=[64,64],[128]", ["[64,64]", "[128]"]),
        ("env:OMP_NUM_THREADS=1,2", ["1", "2"]),
        ("model.lr=1", ["1"]),
    ],
)
def test_a_list_has_the_values_that_it_spells(word: str, expected: list[str]) -> None:
    assert [(one,) for one in expected] == list(axis(word).values)


def test_zipped_names_change_together() -> None:
    found = axis("lr,bs=0.1:32,'0:1':64")

    assert ("lr", "bs") == found.names
    assert [("0.1", "32"), ("0:1", "64")] == list(found.values)


def test_glob_names_the_files_in_order(tmp_path, monkeypatch) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    assert [("a.csv",), ("b.csv",)] == list(axis("data=glob(*.csv)").values)


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("lr=", "has no values"),
        ("lr=0.1,,0.2", "empty value"),
        ("lr=0.1,", "empty value"),
        ("seed=0..4..-1", "is empty"),
        ("n=range(5,5)", "has no values"),
        ("n=range(a)", "cannot understand"),
        ("n=range(1,2,0)", "cannot understand"),
        ("x=linspace(0,1)", "cannot understand"),
        ("x=linspace(0,1,0)", "cannot understand"),
        ("x=0.1..0.5", "no range of integers"),
        ("f=glob(nothing-there-*)", "no file matches"),
        ("lr,bs=0.1:32,0.01", "1 values for 2 names"),
        ("lr,lr=1:2", "twice"),
        ("lr='0.1", "closing '"),
        ("lr=f(1,2", "closing )"),
        ("lr=log:1e-5..1e-1", "for a search"),
        ("0lr=1", "no NAME=VALUES"),
        ("lr", "no NAME=VALUES"),
    ],
)
def test_what_cannot_be_meant_is_named(word: str, what: str) -> None:
    with pytest.raises(UsageError, match=what.replace("(", r"\(").replace(")", r"\)")):
        list(axis(word).values)


def test_a_range_beyond_memory_is_counted_and_not_made() -> None:
    values = axis("seed=1..1000000000000000000000000").values

    assert 10**24 == length(values)
    assert ("1000000000000000000000000",) == values[10**24 - 1]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_what_is_quoted_is_read_as_one_value(text: str) -> None:
    word = f"a={quoted(text)}"

    assert [(text,)] == list(axis(word).values)
    assert 1 == len(split(quoted(text), ",", word))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lr=log:1e-5..1e-1", Distribution("log", 1e-5, 0.1)),
        ("n=int:2..8", Distribution("int", 2, 8)),
        ("n=int:16..256/16", Distribution("int", 16, 256, 16)),
        ("n=logint:8..1024", Distribution("logint", 8, 1024)),
        ("x=float:-1..1", Distribution("float", -1, 1)),
        ("act=relu,tanh", Distribution("choice", choices=("relu", "tanh"))),
    ],
)
def test_a_space_of_a_search(word: str, expected: Distribution) -> None:
    assert (word.partition("=")[0], expected) == distribution(word)


@pytest.mark.parametrize("word", ["lr=log:0..1", "n=int:8..2", "x=uniform:0..1", "a,b=1:2"])
def test_a_space_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        distribution(word)


def test_the_ends_of_a_logarithmic_range_are_exact() -> None:
    values = [float(one) for (one,) in axis("lr=logspace(-5,-1,9)").values]

    assert (1e-5, 1e-1) == (values[0], values[-1])
    assert all(math.isclose(b / a, 10**0.5, rel_tol=1e-9) for a, b in itertools.pairwise(values))
