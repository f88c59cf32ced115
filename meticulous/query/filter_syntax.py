"""The grammar of filters: pandas' query language, less everything that could run code.

Allowed are columns (names with other characters between backticks), numbers, text, lists,
comparisons, arithmetic, ``and``, ``or``, ``not``, ``in``, and pandas' own methods on text
(:data:`TEXT_METHODS`) and for missing values (:data:`NULL_METHODS`).
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from meticulous.errors import FilterError, UnknownColumnError

__all__ = ["NULL_METHODS", "TEXT_METHODS", "Tree", "parse"]

NULL_METHODS = ("isna", "isnull", "notna", "notnull")
TEXT_METHODS = (
    "casefold",
    "contains",
    "count",
    "endswith",
    "find",
    "fullmatch",
    "isalnum",
    "isalpha",
    "isdigit",
    "islower",
    "isnumeric",
    "isupper",
    "len",
    "lower",
    "lstrip",
    "match",
    "replace",
    "rstrip",
    "slice",
    "startswith",
    "strip",
    "upper",
)

_TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | && | \|\| | & | \| | @""", re.VERBOSE
)
_WORDS = {"&": " and ", "&&": " and ", "|": " or ", "||": " or "}
_QUOTED = "meticulous_quoted_"
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_METHODS_HINT = (
    "It may compare, calculate, and use the methods of text and of missing values, "
    "such as args_x.str.contains('a') and args_x.isnull()"
)


class Tree(NamedTuple):
    """The syntax tree of a filter, and what its names stand for."""

    root: ast.expr
    columns: Collection[str]
    quoted: dict[str, str]

    def is_known(self, name: str) -> bool:
        """Return whether `name`, as it stands in the tree, is that of a column."""
        return self.quoted.get(name, name) in self.columns

    def column(self, node: ast.expr) -> str | None:
        """Return the column that `node` names, None where it is no name; raises for an unknown one.

        ``args_model.lr`` is a column where there is one of that name.
        """
        if isinstance(node, ast.Name):
            name = self.quoted.get(node.id, node.id)
            if name not in self.columns:
                # Python takes the signs for micro and mu, and their like, to be one letter.
                for column in self.columns:
                    if not column.isascii() and unicodedata.normalize("NFKC", column) == name:
                        return column
                raise UnknownColumnError(name, self.columns)
            return name
        dotted = _dotted(node)
        return dotted if dotted in self.columns else None

    def expression(self, node: ast.expr) -> tuple[str, tuple[str, ...]]:
        """Check that `node` can be given to pandas, and write it with ``c0`` … for its columns."""
        columns: dict[str, str] = {}
        checked = _Checker(self, columns).visit(node)
        return ast.unparse(checked), tuple(columns)


def parse(text: str, columns: Collection[str]) -> Tree:
    """Read the text of a filter; raises FilterError where it is none."""
    quoted: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        token = match[0]
        if token == "@":  # noqa: S105
            raise FilterError("a filter cannot use @ names", _METHODS_HINT)
        if token[0] != "`":
            return _WORDS.get(token, token)
        name = f"{_QUOTED}{len(quoted)}"
        quoted[name] = token[1:-1]
        return name

    try:
        root = ast.parse(_TOKEN.sub(replace, text).strip(), mode="eval").body
    except SyntaxError as error:
        hint = "Write == to compare" if re.search(r"[^=!<>]=[^=]", text) else _EXAMPLE
        raise FilterError(f"cannot understand the filter {text!r}: {error.msg}", hint) from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise FilterError(f"cannot understand the filter {text!r}: {error}", _EXAMPLE) from None
    return Tree(root, columns, quoted)


_EXAMPLE = "Write it as in \"args_lr < 0.1 and status == 'SUCCESS'\""


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


class _Checker(ast.NodeTransformer):
    """Refuses what is not known to be harmless; puts ``c0`` … for the columns."""

    def __init__(self, tree: Tree, columns: dict[str, str]) -> None:
        self._tree = tree
        self._columns = columns

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Refuse; what is allowed has a method of its own."""
        raise FilterError(f"a filter cannot hold {_describe(node)}", _METHODS_HINT)

    def _inside(self, node: ast.AST) -> ast.AST:
        return super().generic_visit(node)

    visit_BoolOp = visit_Compare = visit_List = visit_Tuple = _inside  # noqa: N815

    def visit(self, node: ast.AST) -> ast.AST:
        """Check one node and all below it."""
        if isinstance(node, (ast.Load, ast.boolop, ast.cmpop, ast.unaryop)):
            return node
        result: ast.AST = super().visit(node)
        return result

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._place(self._tree.column(node) or node.id)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, (bool, int, float, str)):
            return node
        raise FilterError(f"a filter cannot hold {node.value!r}", _METHODS_HINT)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return self._inside(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Pow):
            self._check_power(node)
            return ast.BinOp(self._value(node.left), node.op, self._value(node.right))
        if not isinstance(node.op, _ARITHMETIC):
            raise FilterError(f"a filter cannot hold {_describe(node.op)}", _METHODS_HINT)
        if isinstance(node.op, (ast.Mult, ast.Mod)) and _has_text(node.left, node.right):
            raise FilterError("a filter cannot multiply or format text", _METHODS_HINT)
        return ast.BinOp(self._value(node.left), node.op, self._value(node.right))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        column = self._tree.column(node)
        if column is not None:
            return self._place(column)
        dotted = _dotted(node)
        if dotted and not node.attr.startswith("_"):
            raise UnknownColumnError(dotted, self._tree.columns)
        raise FilterError(f"a filter cannot use the attribute {node.attr!r}", _METHODS_HINT)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Allow ``x.isnull()`` and ``x.str.contains(…)`` with constants between the brackets."""
        match node.func:
            case ast.Attribute(value=ast.Attribute(value=inner, attr="str"), attr=method) if (
                method in TEXT_METHODS
            ):
                owner: ast.expr = ast.Attribute(self._value(inner), "str", ast.Load())
            case ast.Attribute(value=inner, attr=method) if method in NULL_METHODS:
                owner = self._value(inner)
            case _:
                raise FilterError(f"a filter cannot call {ast.unparse(node.func)}()", _METHODS_HINT)
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        if not all(isinstance(value, ast.Constant) for value in values):
            raise FilterError(f"{method}() takes constants in a filter", _METHODS_HINT)
        if any(keyword.arg is None for keyword in node.keywords):
            raise FilterError("a filter cannot unpack", _METHODS_HINT)
        return ast.Call(ast.Attribute(owner, method, ast.Load()), node.args, node.keywords)

    def _value(self, node: ast.expr) -> ast.expr:
        checked = self.visit(node)
        assert isinstance(checked, ast.expr)
        return checked

    def _place(self, column: str) -> ast.Name:
        name = self._columns.setdefault(column, f"c{len(self._columns)}")
        return ast.Name(name, ast.Load())

    def _check_power(self, node: ast.BinOp) -> None:
        """Refuse what would make a number too long to be reckoned with."""
        exponent = node.right
        allowed = isinstance(exponent, ast.Constant) and isinstance(exponent.value, (int, float))
        if not allowed or abs(exponent.value) > 64:  # type: ignore[attr-defined]
            raise FilterError("a filter takes powers up to 64 only", _METHODS_HINT)
        inner = (getattr(one, "op", None) for one in ast.walk(node.left))
        if any(isinstance(operator, ast.Pow) for operator in inner):
            raise FilterError("a filter takes no powers of powers", _METHODS_HINT)


def _has_text(*nodes: ast.expr) -> bool:
    return any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in nodes)


def _describe(node: ast.AST) -> str:
    try:
        return f"{ast.unparse(node)!r}"
    except (AttributeError, ValueError, RecursionError):
        return type(node).__name__
