"""Conditions on metrics as they come in: ``loss is nan``, ``val_loss > 2 * min(val_loss)``, ``no output for 20m``.

A condition may compare, calculate, join with and, or, not, and use what :data:`FUNCTIONS` names. It is
walked, never run as code. Names with other characters stand between backticks, as in filters.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from meticulous.base.units import parse_duration
from meticulous.errors import SettingsError

__all__ = ["FUNCTIONS", "Condition", "Seen", "parse"]

FUNCTIONS = ("first", "last", "max", "mean", "min")
"""Of a name: over all of its values so far; what is not a number does not count, but for the last."""

_SILENCE = re.compile(r"no\s+output\s+for\s+(.+)", re.IGNORECASE)
_IS = re.compile(
    r"(`[^`]+`|[A-Za-z_][\w.]*)\s+is\s+(not\s+)?(nan|inf|infinite|finite)\b", re.IGNORECASE
)
_QUOTED = re.compile(r"`([^`]*)`")
_PLACE = "meticulous_quoted_"
_TESTS: dict[str, Callable[[float], bool]] = {
    "nan": math.isnan,
    "inf": math.isinf,
    "infinite": math.isinf,
    "finite": math.isfinite,
}
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_EXAMPLE = (
    "Write it as 'loss is nan', 'val_loss > 2 * min(val_loss)' or 'no output for 20m'; "
    f"there are {', '.join(FUNCTIONS)}, and names with other characters stand between backticks"
)


class Seen:
    """The values of one name so far."""

    def __init__(self, value: float) -> None:
        self.first = self.last = value
        self.min = self.max = math.nan
        self._sum, self._count = 0.0, 0
        self.take(value)

    def take(self, value: float) -> None:
        """Add the next value."""
        self.last = value
        if math.isnan(value):
            return
        if not self._count:
            self.min = self.max = value
        self.min, self.max = min(self.min, value), max(self.max, value)
        self._sum += value
        self._count += 1

    @property
    def mean(self) -> float:
        """The mean, NaN without a number."""
        return self._sum / self._count if self._count else math.nan


class Condition:
    """One condition.

    Attributes:
        text: as the user has written it.
        silence_s: seconds without output, where that is the condition; else None.
        names: of the metrics in it.

    """

    def __init__(
        self, text: str, silence_s: float | None, root: ast.expr | None, names: list[str]
    ) -> None:
        self.text, self.silence_s, self.names = text, silence_s, names
        self._root = root

    def holds(self, seen: Mapping[str, Seen]) -> bool:
        """Return whether it holds for the values `seen`; never where a name has none yet."""
        if self._root is None or any(name not in seen for name in self.names):
            return False
        try:
            return bool(_value(self._root, seen))
        except (ArithmeticError, RecursionError):
            return False


def parse(text: str) -> Condition:
    """Read a condition. Raises SettingsError where it cannot be understood."""
    if match := _SILENCE.fullmatch(text.strip()):
        try:
            return Condition(text, parse_duration(match[1]), None, [])
        except ValueError as error:
            message = f"the alert {text!r} names no time"
            raise SettingsError(message, str(error).capitalize()) from None
    quoted: list[str] = []

    def place(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f"{_PLACE}{len(quoted) - 1}"

    plain = _IS.sub(lambda m: f"{'not ' if m[2] else ''}{m[3].lower()}({m[1]})", text)
    try:
        root = ast.parse(_QUOTED.sub(place, plain).strip(), mode="eval").body
        names: dict[str, None] = {}
        checked = _checked(root, quoted, names)
    except SyntaxError as error:
        raise SettingsError(
            f"cannot understand the alert {text!r}: {error.msg}", _EXAMPLE
        ) from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise SettingsError(f"cannot understand the alert {text!r}: {error}", _EXAMPLE) from None
    if not names:
        raise SettingsError(f"the alert {text!r} names no metric", _EXAMPLE)
    return Condition(text, None, checked, list(names))


def _checked(  # noqa: PLR0911 - one for each kind of node
    node: ast.expr, quoted: list[str], names: dict[str, None]
) -> ast.expr:
    """Return `node` with the names of metrics as they are logged; raises ValueError for what may not be."""

    def within(inner: ast.expr) -> ast.expr:
        return _checked(inner, quoted, names)

    match node:
        case ast.BoolOp(op=op, values=values):
            return ast.BoolOp(op, [within(one) for one in values])
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return ast.UnaryOp(op, within(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return ast.BinOp(within(left), op, within(right))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(
            type(op) in _OPERATORS for op in ops
        ):
            return ast.Compare(within(left), ops, [within(one) for one in others])
        case ast.Constant(value=int() | float()):
            return node
        case ast.Call(func=ast.Name(id=function), args=[inner], keywords=[]) if function in (
            *FUNCTIONS,
            *_TESTS,
        ):
            return ast.Call(ast.Name(function), [ast.Name(_named(inner, quoted, names))], [])
        case ast.Name() | ast.Attribute():
            return ast.Name(_named(node, quoted, names))
    raise ValueError(f"it cannot hold {ast.unparse(node)!r}")


def _named(node: ast.expr, quoted: list[str], names: dict[str, None]) -> str:
    name = ast.unparse(node)
    if not re.fullmatch(r"[^\W\d][\w.]*", name):
        raise ValueError(f"{name!r} is no name of a metric")
    if name.startswith(_PLACE):
        name = quoted[int(name.removeprefix(_PLACE))]
    names[name] = None
    return name


def _value(node: ast.expr, seen: Mapping[str, Seen]) -> Any:  # noqa: PLR0911 - one for each kind of node
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(one, seen) for one in values)
        case ast.BoolOp(values=values):
            return any(_value(one, seen) for one in values)
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_value(operand, seen))
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, seen), _value(right, seen))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(one, seen) for one in (left, *others)]
            pairs = zip(values, ops, values[1:], strict=False)
            return all(_OPERATORS[type(op)](one, other) for one, op, other in pairs)
        case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=name)]):
            if function in _TESTS:
                return _TESTS[function](seen[name].last)
            return getattr(seen[name], function)
        case ast.Name(id=name):
            return seen[name].last
        case ast.Constant(value=value):
            return value
    raise AssertionError(node)
