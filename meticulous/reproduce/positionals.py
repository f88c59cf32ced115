"""Which words of a recorded command are which positional argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meticulous.arguments import Shape

__all__ = ["place_of", "place_of_new"]

_MOST = 1000
"""Ways to share out the words that are tried."""


def place_of(
    name: str, found: Sequence[Shape], names: Sequence[str], values: Mapping[str, Any]
) -> tuple[int, int] | None:
    """Return where the words of the positional `name` begin and end; None where that is not sure.

    `names` are the arguments that the command line may have set, in the order in which the program
    declares them, and `values` what was recorded of each. A list takes as many words as it has
    items. All words must be somebody's.
    """
    words = [shape for shape in found if shape.kind == "word"]
    places = set()
    for count, shares in enumerate(_shared(words, 0, list(names), values)):
        if name in shares:
            first, last = words[shares[name][0]], words[shares[name][1] - 1]
            places.add((first.start, last.end))
        else:
            places.add((-1, -1))
        if count > _MOST or len(places) > 1:
            return None
    place = next(iter(places), (-1, -1))
    return place if place[0] >= 0 else None


def _shared(
    words: Sequence[Shape], at: int, names: Sequence[str], values: Mapping[str, Any]
) -> Iterator[dict[str, tuple[int, int]]]:
    """Return each way to give all words from `at` to `names`, in order; some may get none."""
    if at == len(words):
        yield {}
        return
    for number, name in enumerate(names):
        value = values.get(name)
        items = value if isinstance(value, list) else [value]
        end = at + len(items)
        if not items or end > len(words):
            continue
        if all(_is(shape, item) for shape, item in zip(words[at:end], items, strict=True)):
            for rest in _shared(words, end, names[number + 1 :], values):
                yield {name: (at, end), **rest}


def _is(shape: Shape, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    word = shape.values[0]
    return bool(word == value) or str(word) == str(value)


def place_of_new(found: Sequence[Shape]) -> int:
    """Return where a positional that is not there yet is put: behind the others, else in front.

    Behind an option it might be taken for one more of its values.
    """
    return max((shape.end for shape in found if shape.kind == "word"), default=0)
