"""Any value of a program as one of JSON's types, faithfully where JSON can, else by its ``repr``."""

import os
import sys

MOST_VALUES = 100000
MOST_ITEMS = 10000
MOST_CHARACTERS = 1000000
DEEPEST = 32

_AS_TEXT = {"Decimal", "Fraction", "UUID", "complex", "timedelta", "device"}
"""Types of the standard library and torch whose ``str`` is what a person would write."""


class Budget(object):
    """How much of a report is left; a list of a million items must not become a file of 1 GB."""

    def __init__(self):
        self.values = MOST_VALUES
        self.characters = MOST_CHARACTERS


def plain(value, budget, depth=0):
    """Return `value` as None, bool, int, float, str, list or dict; never raises."""
    budget.values -= 1
    if budget.values < 0 or depth > DEEPEST:
        return "..."
    try:
        if value is None or isinstance(value, bool):
            return bool(value) if isinstance(value, bool) else None
        return _plain(value, budget, depth)
    except Exception:
        return "<{}>".format(type(value).__name__)


def _plain(value, budget, depth):
    kind = type(value)
    if _is_enum(value):
        return value.name
    if isinstance(value, str):
        return _short(str.__str__(value), budget)
    if isinstance(value, int):
        int.__repr__(value)  # ValueError for one too long to be written
        return int(value)
    if isinstance(value, float):
        return float(value)
    fields = _fields(value)
    if fields is not None:
        pairs = [(str(key), plain(item, budget, depth + 1)) for key, item in fields]
        return dict(pairs)
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if kind.__name__ in ("deque", "ListConfig"):
        value = list(value)
    if isinstance(value, (list, tuple, range)):
        items = [plain(item, budget, depth + 1) for item in value[:MOST_ITEMS]]
        return items + ["... {} more".format(len(value) - MOST_ITEMS)] * (len(value) > MOST_ITEMS)
    return _other(value, kind, budget, depth)


def _is_enum(value):
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(value, enum.Enum) and value.name is not None


def _fields(value):
    """Return the (name, value) pairs of a mapping or a record, or None for anything else."""
    kind = type(value)
    if isinstance(value, dict):
        return value.items()
    names = getattr(kind, "__dataclass_fields__", None)
    if names is None and getattr(kind, "__attrs_attrs__", None) is not None:
        names = [attribute.name for attribute in kind.__attrs_attrs__]
    if names is None and isinstance(value, tuple):
        names = getattr(kind, "_fields", None)
    if names is None and isinstance(getattr(kind, "model_fields", None), dict):
        names = kind.model_fields
    if names is not None:
        return [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    if _is_namespace(kind):
        return vars(value).items()
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__") and hasattr(kind, "__len__"):
        return [(key, value[key]) for key in value]
    return None


def _is_namespace(kind):
    names = {(base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__}
    return bool(names & {("argparse", "Namespace"), ("types", "SimpleNamespace")})


def _other(value, kind, budget, depth):
    module = kind.__module__.partition(".")[0]
    if isinstance(value, type) or kind.__name__ in ("function", "builtin_function_or_method"):
        return _name_of(value)
    if hasattr(kind, "__fspath__"):
        return _short(_text(os.fspath(value)), budget)
    if hasattr(kind, "isoformat"):
        return value.isoformat()
    if kind.__name__ in _AS_TEXT or kind.__name__.endswith("DType") or kind.__name__ == "dtype":
        return str(value)
    if module in ("numpy", "torch", "jax", "jaxlib", "tensorflow") and hasattr(kind, "shape"):
        return _array(value, budget, depth)
    if kind.__module__ == "_io" and isinstance(getattr(value, "name", None), str):
        return value.name
    return _short(_without_address(repr(value)), budget)


def _array(value, budget, depth):
    """Return a scalar as a number and a small array as lists; a large one says only what it is."""
    shape = tuple(value.shape)
    if shape == () and hasattr(value, "item"):
        item = value.item()  # of numpy's longdouble another longdouble
        return plain(float(value) if type(item) is type(value) else item, budget, depth + 1)
    size = 1
    for length in shape:
        size *= length
    if size <= 1000 and hasattr(value, "tolist"):
        return plain(value.tolist(), budget, depth + 1)
    return "<{} {} {}>".format(type(value).__name__, list(shape), getattr(value, "dtype", ""))


def _name_of(value):
    """Name a function or a class as its module does; ``__main__`` goes without saying."""
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or repr(value)
    return name if module in (None, "__main__", "builtins") else "{}.{}".format(module, name)


def _without_address(text):
    """Cut `` at 0x7f…`` out of a repr: it differs from run to run and says nothing."""
    head, found, tail = text.partition(" at 0x")
    while found:
        head += tail.lstrip("0123456789abcdefABCDEF")
        head, found, tail = head.partition(" at 0x")
    return head


def _text(path):
    return path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")


def _short(text, budget):
    budget.characters -= len(text)
    if budget.characters >= 0:
        return text
    return text[:100] + "..."
