"""Common forms in which programs print metrics, each read line by line."""

from __future__ import annotations

import re

from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NUMBER", "PRESETS", "Point", "number"]

_STEP_NAMES = ("step", "global_step", "iter", "iteration", "batch", "epoch", "round")
"""Names that say where a line is, the best first; the line's step."""
NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|NaN|inf|Infinity)"
"""A number as programs print it."""
_PAIR = re.compile(
    rf"(?:^|[\s,;|({{\[])['\"]?([A-Za-z_][\w./@%-]{{0,60}})['\"]?"
    rf"\s?[:=]\s{{0,4}}['\"]?({NUMBER})(?![\w.:/-])(?:%|s)?"
)
_SLASHED = re.compile(r"\b(?:[Ee]poch|[Ss]tep|[Ii]ter(?:ation)?)\s?[:\[(]?\s?(\d{1,12})\s?/\s?\d+")
_WORD_STEP = re.compile(
    r"\b([Ee]poch|[Ss]tep|[Ii]ter(?:ation)?|[Rr]ound)\s?[:=#\[]?\s?(\d{1,12})\b"
)


class Point(NamedTuple):
    """What one line told: `step` is None where the line says none; `values` by name."""

    step: float | None
    values: dict[str, float]


def _pairs(line: str) -> Point | None:
    """Read every ``name: value`` and ``name=value`` of a line."""
    values = {name: number(text) for name, text in _PAIR.findall(line)}
    return _point(values, _step_of_words(line))


def _step_of_words(line: str) -> float | None:
    slashed = _SLASHED.search(line)
    if slashed:
        return float(slashed[1])
    word = _WORD_STEP.search(line)
    return float(word[2]) if word else None


def _point(values: dict[str, float], step: float | None = None) -> Point | None:
    """Make a point of `values`, taking the step from among them where it is there."""
    for wanted in _STEP_NAMES:
        for name in list(values):
            if name.lower() == wanted and len(values) > 1:
                found = values.pop(name) if wanted != "epoch" else values[name]
                return Point(found, values)
    left = {name: value for name, value in values.items() if name.lower() not in _STEP_NAMES}
    return Point(step, values) if left else None


def number(text: str) -> float:
    """Return the number of a text that :data:`NUMBER` matches."""
    return float(text.replace("Infinity", "inf"))


_DICT = re.compile(r"\{[^{}]{3,3000}\}")
_ITEM = re.compile(rf"['\"]([^'\"]{{1,100}})['\"]\s?:\s?['\"]?({NUMBER})['\"]?(?=\s?[,}}])")


def _dicts(line: str) -> Point | None:
    """Read a dict of Python or JSON, as the Trainer of transformers prints it."""
    found = _DICT.search(line)
    if found is None:
        return None
    values = {name: number(text) for name, text in _ITEM.findall(found[0])}
    return _point(values)


_KERAS = re.compile(rf"\s-\s([A-Za-z_][\w/]{{0,60}}):\s({NUMBER})(?![\w.])")


class _Keras:
    """Keras: the line ``Epoch 3/10`` goes before the one with the values of its end."""

    def __init__(self) -> None:
        self._epoch: float | None = None

    def __call__(self, line: str) -> Point | None:
        epoch = re.match(r"Epoch (\d{1,9})(?:/\d+|$|:)", line)
        if epoch:
            self._epoch = float(epoch[1])
        done = re.search(r"(?:^|\s)(\d{1,12})/(\d{1,12})\s", line)
        if not done or done[1] != done[2]:
            return None
        values = {name: number(text) for name, text in _KERAS.findall(line)}
        return Point(self._epoch, values) if values else None


_POSTFIX = re.compile(rf"[,\[]\s?([A-Za-z_][\w./-]{{0,60}})=\s?({NUMBER})(?=[,\]\s])")
_BAR = re.compile(r"\|\s{0,3}(\d{1,12})/(\d{1,12})\s?\[")


def _bars(line: str) -> Point | None:
    """Read the postfix of a progress bar of tqdm (Lightning's too): ``[00:01<00:02, loss=0.5]``."""
    bar = _BAR.search(line)
    if bar is None:
        return None
    values = {name: number(text) for name, text in _POSTFIX.findall(line[bar.start() :])}
    epoch = re.match(r"\s?Epoch (\d{1,9})", line)
    if epoch and values:
        values.setdefault("epoch", float(epoch[1]))
    values.pop("v_num", None)
    return Point(float(bar[1]), values) if values else None


_BOOSTED = re.compile(rf"(?<=[\t ])([A-Za-z][\w.@ '-]{{0,80}}?):\s?({NUMBER})(?=\s|$)")


def _boosted(line: str) -> Point | None:
    r"""Read a round of XGBoost (``[3]\ttrain-rmse:0.5``) or LightGBM (``[3]\tvalid_0's l2: 1``)."""
    head = re.match(r"\[(\d{1,12})\][\t ]", line)
    if head is None:
        return None
    values = {name.strip(): number(text) for name, text in _BOOSTED.findall(line[head.end() - 1 :])}
    return Point(float(head[1]), values) if values else None


class _Ultralytics:
    """Ultralytics: a head of names, then a line of numbers that begins with ``epoch/epochs``."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def __call__(self, line: str) -> Point | None:
        words = line.split()
        if words[:2] == ["Epoch", "GPU_mem"]:
            self._names = words
            return None
        epoch = re.match(r"\s{0,20}(\d{1,9})/(\d{1,9})\s", line)
        if not epoch or not self._names or len(words) < 4 or " 100%" not in line:
            return None
        values = {}
        for name, text in zip(self._names[2:], words[2:], strict=False):
            if not re.fullmatch(NUMBER, text):
                break
            values[name] = number(text)
        return Point(float(epoch[1]), values) if values else None


_NANOGPT = re.compile(r"^(step|iter) (\d{1,12}): (.{5,500})")
_NANOGPT_VALUE = re.compile(rf"([a-z][a-z ]{{1,40}}?) ({NUMBER})(ms|%|)(?=,|$|\s)")


def _nanogpt(line: str) -> Point | None:
    """Read ``step 500: train loss 1.9, val loss 2.0`` and ``iter 7: loss 2.1, time 30.1ms``."""
    head = _NANOGPT.match(line)
    if head is None:
        return None
    values = {}
    for name, text, _unit in _NANOGPT_VALUE.findall(head[3]):
        values[name.strip().replace(" ", "_")] = number(text)
    return Point(float(head[2]), values) if values else None


_MEGATRON = re.compile(rf"([A-Za-z][\w()./ -]{{0,60}}?):\s{{1,20}}({NUMBER})(?=\s|$)")


def _megatron(line: str) -> Point | None:
    """Read ``iteration 10/ 100 | lm loss: 9.1E+00 | learning rate: 1.0E-05 |`` of Megatron-LM."""
    head = re.search(r"\biteration\s{1,12}(\d{1,12})/\s{0,12}\d{1,12} \|", line)
    if head is None:
        return None
    values = {}
    for part in line[head.end() :].split("|"):
        found = _MEGATRON.search(part.strip())
        if found:
            values[found[1].strip()] = number(found[2])
    return Point(float(head[1]), values) if values else None


PRESETS: dict[str, Callable[[], Callable[[str], Point | None]]] = {
    "pairs": lambda: _pairs,
    "trainer": lambda: _dicts,
    "keras": _Keras,
    "tqdm": lambda: _bars,
    "lightning": lambda: _bars,
    "xgboost": lambda: _boosted,
    "lightgbm": lambda: _boosted,
    "ultralytics": _Ultralytics,
    "nanogpt": lambda: _nanogpt,
    "megatron": lambda: _megatron,
}
"""Name -> what makes a reader of lines. ``pairs`` is ``name: value`` and ``name=value``."""
