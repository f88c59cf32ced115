"""Metrics in what a program prints: presets for common formats, and patterns of the user's own.

:class:`Scraper` takes the bytes of an output as they come and yields points. ``meticulous run
--metrics`` follows the streams of a running command with it, ``meticulous metrics --from-output``
reads those of an old run.

A line is looked at only to its first 4,096 characters, and a pattern of the user's own that is slow
on one line (as some are, exponentially) is given up: it runs in a process apart, which is killed.
"""

from __future__ import annotations

import re

from meticulous.base.ansi import without_sequences
from meticulous.base.namedtuple import NamedTuple
from meticulous.errors import SettingsError
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meticulous.metrics.bounded import Bounded
    from meticulous.runfolder import RunFolder

__all__ = ["PRESETS", "Point", "Scraper", "check", "from_output"]

_LONGEST_LINE = 4096
_BLOCK_BYTES = 1 << 20
_STEP_NAMES = ("step", "global_step", "iter", "iteration", "batch", "epoch", "round")
"""Names that say where a line is, the best first; the line's step."""
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|NaN|inf|Infinity)"
_CONTROL = re.compile(r"[\x00-\x08]")
_PAIR = re.compile(
    rf"(?:^|[\s,;|({{\[])['\"]?([A-Za-z_][\w./@%-]{{0,60}})['\"]?"
    rf"\s?[:=]\s{{0,4}}['\"]?({_NUMBER})(?![\w.:/-])(?:%|s)?"
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
    values = {name: _number(text) for name, text in _PAIR.findall(line)}
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


def _number(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


_DICT = re.compile(r"\{[^{}]{3,3000}\}")
_ITEM = re.compile(rf"['\"]([^'\"]{{1,100}})['\"]\s?:\s?['\"]?({_NUMBER})['\"]?(?=\s?[,}}])")


def _dicts(line: str) -> Point | None:
    """Read a dict of Python or JSON, as the Trainer of transformers prints it."""
    found = _DICT.search(line)
    if found is None:
        return None
    values = {name: _number(text) for name, text in _ITEM.findall(found[0])}
    return _point(values)


_KERAS = re.compile(rf"\s-\s([A-Za-z_][\w/]{{0,60}}):\s({_NUMBER})(?![\w.])")


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
        values = {name: _number(text) for name, text in _KERAS.findall(line)}
        return Point(self._epoch, values) if values else None


_POSTFIX = re.compile(rf"[,\[]\s?([A-Za-z_][\w./-]{{0,60}})=\s?({_NUMBER})(?=[,\]\s])")
_BAR = re.compile(r"\|\s{0,3}(\d{1,12})/(\d{1,12})\s?\[")


def _bars(line: str) -> Point | None:
    """Read the postfix of a progress bar of tqdm (Lightning's too): ``[00:01<00:02, loss=0.5]``."""
    bar = _BAR.search(line)
    if bar is None:
        return None
    values = {name: _number(text) for name, text in _POSTFIX.findall(line[bar.start() :])}
    epoch = re.match(r"\s?Epoch (\d{1,9})", line)
    if epoch and values:
        values.setdefault("epoch", float(epoch[1]))
    values.pop("v_num", None)
    return Point(float(bar[1]), values) if values else None


_BOOSTED = re.compile(rf"(?<=[\t ])([A-Za-z][\w.@ '-]{{0,80}}?):\s?({_NUMBER})(?=\s|$)")


def _boosted(line: str) -> Point | None:
    r"""Read a round of XGBoost (``[3]\ttrain-rmse:0.5``) or LightGBM (``[3]\tvalid_0's l2: 1``)."""
    head = re.match(r"\[(\d{1,12})\][\t ]", line)
    if head is None:
        return None
    values = {
        name.strip(): _number(text) for name, text in _BOOSTED.findall(line[head.end() - 1 :])
    }
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
            if not re.fullmatch(_NUMBER, text):
                break
            values[name] = _number(text)
        return Point(float(epoch[1]), values) if values else None


_NANOGPT = re.compile(r"^(step|iter) (\d{1,12}): (.{5,500})")
_NANOGPT_VALUE = re.compile(rf"([a-z][a-z ]{{1,40}}?) ({_NUMBER})(ms|%|)(?=,|$|\s)")


def _nanogpt(line: str) -> Point | None:
    """Read ``step 500: train loss 1.9, val loss 2.0`` and ``iter 7: loss 2.1, time 30.1ms``."""
    head = _NANOGPT.match(line)
    if head is None:
        return None
    values = {}
    for name, text, _unit in _NANOGPT_VALUE.findall(head[3]):
        values[name.strip().replace(" ", "_")] = _number(text)
    return Point(float(head[2]), values) if values else None


_MEGATRON = re.compile(rf"([A-Za-z][\w()./ -]{{0,60}}?):\s{{1,20}}({_NUMBER})(?=\s|$)")


def _megatron(line: str) -> Point | None:
    """Read ``iteration 10/ 100 | lm loss: 9.1E+00 | learning rate: 1.0E-05 |`` of Megatron-LM."""
    head = re.search(r"\biteration\s{1,12}(\d{1,12})/\s{0,12}\d{1,12} \|", line)
    if head is None:
        return None
    values = {}
    for part in line[head.end() :].split("|"):
        found = _MEGATRON.search(part.strip())
        if found:
            values[found[1].strip()] = _number(found[2])
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


def check(text: str) -> None:
    """Raise SettingsError unless `text` is the name of a preset, or a pattern that can be used."""
    if text not in PRESETS:
        _compiled(text)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        names = ", ".join(PRESETS)
        raise SettingsError(
            f"metrics: {text!r} is neither a preset nor a pattern: {error}",
            f"Presets are {names}; a pattern is a regular expression with named groups",
        ) from None
    if not pattern.groupindex or pattern.groupindex.keys() <= {"step"}:
        if re.fullmatch(r"[\w-]+", text):
            names = ", ".join(PRESETS)
            raise SettingsError(f"metrics: there is no preset {text!r}", f"Presets are {names}")
        raise SettingsError(
            f"metrics: the pattern {text!r} names no value",
            r"Name the groups, as in 'loss=(?P<loss>\S+)'; a group `step` is the step, and"
            " groups `name` and `value` take the name from the line",
        )
    return pattern


class Scraper:
    """Reads metrics from the bytes of an output.

    Args:
        preset_or_pattern: name of a preset, or a regular expression with named groups.

    Raises SettingsError where it is neither.
    """

    def __init__(self, preset_or_pattern: str) -> None:
        self._rest = b""
        self._count = 0
        self._guard: Bounded | None = None
        self._read: Callable[[str], Point | None] = self._match
        if preset_or_pattern in PRESETS:
            self._read = PRESETS[preset_or_pattern]()
        else:
            from meticulous.metrics.bounded import Bounded

            self._guard = Bounded(_compiled(preset_or_pattern).pattern)

    @property
    def trouble(self) -> str | None:
        """A line about lines that the pattern was too slow on, or None."""
        return self._guard.trouble if self._guard else None

    def feed(self, content: bytes) -> Iterator[tuple[str, Point]]:
        """Take in more of the output; yield each line that matches, and what it tells.

        A carriage return ends a line as well, as progress bars have it. The step of a line that
        says none is one more than that of the last such line.
        """
        content = self._rest + content
        *lines, self._rest = re.split(rb"[\r\n]", content)
        if len(self._rest) > _LONGEST_LINE * 4:
            self._rest = self._rest[: _LONGEST_LINE * 4]
        for line in lines:
            if line:
                yield from self._line(line)

    def end(self) -> Iterator[tuple[str, Point]]:
        """Yield what a last line tells that has no newline, and let go of all."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._line(rest)
        if self._guard:
            self._guard.close()

    def _line(self, content: bytes) -> Iterator[tuple[str, Point]]:
        text = content[: _LONGEST_LINE * 4].decode("utf-8", "replace")[:_LONGEST_LINE]
        text = _CONTROL.sub("", without_sequences(text))
        point = self._read(text)
        if point is None:
            return
        if point.step is None:
            point = point._replace(step=float(self._count))
            self._count += 1
        yield text, point

    def _match(self, line: str) -> Point | None:
        assert self._guard is not None
        groups = self._guard.search(line)
        if groups is None:
            return None
        return _of_groups(groups)


def _of_groups(groups: dict[str, str | None]) -> Point | None:
    """Make a point of the named groups of a match."""
    found = {name: text for name, text in groups.items() if text is not None}
    step = found.pop("step", None)
    if "name" in found and "value" in found:
        found = {found["name"]: found["value"]}
    values = {}
    for name, text in found.items():
        cleaned = text.strip().rstrip(",;%").replace(",", "")
        if re.fullmatch(_NUMBER, cleaned):
            values[name] = _number(cleaned)
    if not values:
        return None
    try:
        return Point(None if step is None else float(step), values)
    except ValueError:
        return Point(None, values)


def from_output(run: RunFolder, preset_or_pattern: str) -> Iterator[tuple[str, float, Point]]:
    """Yield (line, seconds since the epoch, point) of what an old run has printed on both streams.

    The time is that of the timeline; where there is none, the start of the run. Raises
    SettingsError where `preset_or_pattern` is none, and RunFolderError where the run cannot be read.
    """
    from datetime import datetime

    from meticulous.runfolder import STDERR, STDOUT

    check(preset_or_pattern)
    try:
        started_s = datetime.fromisoformat(str(run.read_metadata().get(keys.TIMESTAMP))).timestamp()
    except ValueError:
        started_s = 0.0
    for stream in (STDOUT, STDERR):
        scraper = Scraper(preset_or_pattern)
        time_s = started_s
        for after_s, content in _chunks(run, stream):
            time_s = started_s + after_s
            for line, point in scraper.feed(content):
                yield line, time_s, point
        for line, point in scraper.end():
            yield line, time_s, point


def _chunks(run: RunFolder, stream: str) -> Iterator[tuple[float, bytes]]:
    """Yield (seconds since the start, bytes) of a stream, as its timeline has them, then the rest."""
    from meticulous.runfolder import TIMELINE

    try:
        with open(run.file(TIMELINE), "rb") as file:
            entries = [words for words in map(bytes.split, file) if len(words) == 4]
    except OSError:
        entries = []
    after_s = 0.0
    try:
        with open(run.file(stream), "rb") as file:
            for seconds, name, _, length in entries:
                if name == stream.encode() and length.isdigit():
                    after_s = float(seconds)
                    yield after_s, file.read(int(length))
            while content := file.read(_BLOCK_BYTES):
                yield after_s, content
    except OSError:
        return  # no such stream
