"""The text of a filter -> a tree of conditions -> SQL. Runs no code of the text.

A filter is a pandas query. Comparisons of columns with constants and with each other, joined by
``and``, ``or``, ``not`` and ``in``, become SQL with bound values. Any other expression in it is
a :class:`Leaf`, which pandas evaluates; :mod:`meticulous.query.filter_syntax` says what may stand in one.

What comparisons mean, here and everywhere: a missing value equals nothing and is in no order,
so only ``!=`` and ``not in`` hold for it. Numbers and text are never equal and in no order.
True and False are the numbers 1 and 0.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from meticulous.errors import FilterError, with_prefix
from meticulous.query import filter_syntax
from meticulous.query.rows import SECTIONS, TIMES

__all__ = [
    "All",
    "Compare",
    "Condition",
    "Either",
    "HasTag",
    "In",
    "Leaf",
    "Not",
    "Sql",
    "leaves",
    "parse",
    "to_sql",
]

Constant = bool | int | float | str


class All(NamedTuple):
    """Every part holds."""

    parts: tuple[Condition, ...]


class Either(NamedTuple):
    """One part at least holds."""

    parts: tuple[Condition, ...]


class Not(NamedTuple):
    """The part does not hold."""

    part: Condition


class Compare(NamedTuple):
    """A column against a constant, or against another column where `other` is one."""

    column: str
    operator: str
    constant: Constant | None = None
    other: str | None = None


class In(NamedTuple):
    """The column has one of the values."""

    column: str
    values: tuple[Constant, ...]


class HasTag(NamedTuple):
    """The run has the tag."""

    tag: str


class Leaf(NamedTuple):
    """An expression for pandas, in which ``c0``, ``c1`` … stand for `columns`."""

    expression: str
    columns: tuple[str, ...]


Condition = All | Either | Not | Compare | In | HasTag | Leaf


class Sql(NamedTuple):
    """A piece of SQL and the values to bind in it, in their order."""

    text: str
    values: tuple[Any, ...] = ()


_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_DEEPEST = 100
"""Conditions within each other."""
_LONGEST_SHOWN = 80
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def parse(text: str, columns: Collection[str]) -> Condition:
    """Read the filter `text`; `columns` are the names that it may use.

    Raises FilterError where it does not parse, names no column or could run code.
    """
    tree = filter_syntax.parse(text, columns)
    try:
        return _Reader(tree).read(tree.root)
    except RecursionError:
        raise FilterError("the filter is nested too deeply", "Write a simpler one") from None


class _Reader:
    """Turns the syntax tree of one filter into conditions."""

    def __init__(self, tree: filter_syntax.Tree) -> None:
        self._tree = tree

    def read(self, node: ast.expr, depth: int = 0) -> Condition:
        """Read `node`, which stands `depth` conditions deep."""
        if depth > _DEEPEST:
            raise RecursionError
        match node:
            case ast.BoolOp(op=operator, values=values):
                return _joined(operator, [self.read(value, depth + 1) for value in values])
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                inner = self.read(operand, depth + 1)
                return inner.part if isinstance(inner, Not) else Not(inner)
            case ast.Constant(value=bool() as value):
                return All(()) if value else Either(())
            case ast.Compare():
                return self._chain(node)
        return self._leaf(node)

    def _chain(self, node: ast.Compare) -> Condition:
        """Read ``a < b < c`` as ``a < b and b < c``."""
        sides = [node.left, *node.comparators]
        parts = [
            self._pair(left, operator, right)
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _pair(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Condition:
        column, values = self._tree.column(left), _constants(right)
        if isinstance(operator, (ast.Is, ast.IsNot)) or _is_none(left) or _is_none(right):
            hint = "Ask for missing values with args_x.isnull() or args_x.notnull()"
            raise FilterError("a filter cannot compare with None", hint)
        if isinstance(operator, (ast.In, ast.NotIn)) and not isinstance(
            right, (ast.List, ast.Tuple)
        ):
            hint = f"For a part of a text or of a list, write {_contains(left, right)}"
            raise FilterError("`in` must be followed by a list, such as [1, 2]", hint)
        self._refuse_unquoted(left, operator, right)
        if column is not None and values is not None:
            # As in pandas, == with a list is `in`.
            is_in: Condition = In(column, tuple(_bound(column, value) for value in values))
            if isinstance(operator, (ast.In, ast.Eq)):
                return is_in
            if isinstance(operator, (ast.NotIn, ast.NotEq)):
                return Not(is_in)
        sign = _OPERATORS.get(type(operator))
        if sign:
            simple = self._simple(left, sign, right) or self._simple(right, _MIRRORED[sign], left)
            if simple:
                return simple
        return self._leaf(ast.Compare(left, [operator], [right]))

    def _refuse_unquoted(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> None:
        """Raise FilterError where a column is compared with a word that must be meant as text."""
        if not isinstance(right, ast.Name) or self._tree.is_known(right.id):
            return
        word = right.id
        if word.startswith((*SECTIONS, "meticulous_quoted_")) or with_prefix(
            word, self._tree.columns
        ):
            return  # a column, mistyped
        text = word.upper() if ast.unparse(left) == "status" else word
        sign = _OPERATORS.get(type(operator), "==")
        hint = f"Put text in quotes: {ast.unparse(left)} {sign} '{text}'"
        raise FilterError(f"no column `{word}`", hint)

    def _simple(self, left: ast.expr, sign: str, right: ast.expr) -> Condition | None:
        column, other = self._tree.column(left), self._tree.column(right)
        if column is None:
            return None
        if other is not None:
            return Compare(column, sign, other=other)
        constant = _constant(right)
        return None if constant is None else Compare(column, sign, _bound(column, constant))

    def _leaf(self, node: ast.expr) -> Leaf:
        expression, columns = self._tree.expression(node)
        if not columns:
            shown = expression if len(expression) <= _LONGEST_SHOWN else "a part of the filter"
            raise FilterError(f"{shown} names no column", "Compare a column, as in args_lr < 0.1")
        return Leaf(expression, columns)


def _joined(operator: ast.boolop, parts: Sequence[Condition]) -> Condition:
    """Join `parts`; what is joined by the same word within them is no level of its own."""
    kind = All if isinstance(operator, ast.And) else Either
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return kind(tuple(flat))


def _contains(left: ast.expr, right: ast.expr) -> str:
    """Write ``'part' in args_x`` as it is asked for."""
    part = ast.unparse(left) if isinstance(left, ast.Constant) else "'part'"
    column = ast.unparse(right) if isinstance(right, (ast.Name, ast.Attribute)) else "args_x"
    return f"{column}.str.contains({part})"


def _constant(node: ast.expr) -> Constant | None:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return number
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
    return None


def _constants(node: ast.expr) -> list[Constant] | None:
    if not isinstance(node, (ast.List, ast.Tuple)):
        return None
    values = [_constant(item) for item in node.elts]
    return None if None in values else [value for value in values if value is not None]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _bound(column: str, constant: Constant) -> Constant:
    """Return `constant` as the column holds it: times without offset are on the reader's clock."""
    if column not in TIMES:
        return constant
    try:
        moment = datetime.fromisoformat(str(constant)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        hint = "Write it as '2026-11-23' or '2026-11-23 20:57'"
        raise FilterError(f"{constant!r} is no time to compare {column} with", hint) from None
    return moment.isoformat(timespec="microseconds")


def leaves(condition: Condition) -> list[Leaf]:
    """List the parts of `condition` that are for pandas, each once."""
    match condition:
        case Leaf():
            return [condition]
        case All(parts) | Either(parts):
            return list(dict.fromkeys(leaf for part in parts for leaf in leaves(part)))
        case Not(part):
            return leaves(part)
    return []


def to_sql(condition: Condition, column: Callable[[str], Sql], leaf: Callable[[Leaf], Sql]) -> Sql:
    """Write `condition` as an SQL expression that is 0 or 1, never NULL.

    Args:
        condition: the tree.
        column: name -> SQL of its value: a number, text, or NULL where missing or no scalar.
        leaf: a part for pandas -> SQL of its outcome.
    """
    match condition:
        case All(parts) | Either(parts):
            return _join(condition, [to_sql(part, column, leaf) for part in parts])
        case Not(part):
            inner = to_sql(part, column, leaf)
            return Sql(f"(NOT {inner.text})", inner.values)
        case Compare():
            return _compare(condition, column)
        case In(name, values):
            place = column(name)
            marks = ", ".join("?" * len(values))
            bound = tuple(map(_storable, values))
            return Sql(f"COALESCE({place.text} IN ({marks}), 0)", (*place.values, *bound))
        case HasTag(tag):
            place = column("tags")
            text = f"(instr(',' || COALESCE({place.text}, '') || ',', ?) > 0)"
            return Sql(text, (*place.values, f",{tag},"))
    return leaf(condition)


def _compare(compare: Compare, column: Callable[[str], Sql]) -> Sql:
    if compare.operator == "!=":
        equal = _compare(compare._replace(operator="=="), column)
        return Sql(f"(NOT {equal.text})", equal.values)
    sign = "=" if compare.operator == "==" else compare.operator
    left = column(compare.column)
    if compare.other is not None:
        right = column(compare.other)
        same = f"(typeof({left.text}) = 'text') = (typeof({right.text}) = 'text')"
        text = f"COALESCE({left.text} {sign} {right.text} AND {same}, 0)"
        return Sql(text, (*left.values, *right.values) * 2)
    value = _storable(compare.constant)
    # SQLite puts all text above all numbers; only what is of the constant's kind is compared.
    kind = "=" if isinstance(value, str) else "<>"
    text = f"COALESCE({left.text} {sign} ? AND typeof({left.text}) {kind} 'text', 0)"
    return Sql(text, (*left.values, value, *left.values))


def _storable(value: Any) -> Any:
    """Return `value` as SQLite can bind it: integers beyond 64 bits as floating point."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def _join(condition: All | Either, parts: Sequence[Sql]) -> Sql:
    """Join by halves, because a long chain is a deep expression to SQLite."""
    if not parts:
        return Sql("1" if isinstance(condition, All) else "0")
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _join(condition, parts[:middle]), _join(condition, parts[middle:])
    word = "AND" if isinstance(condition, All) else "OR"
    return Sql(f"({left.text} {word} {right.text})", (*left.values, *right.values))
