"""Named tuples without the cost of importing typing.

``typing.NamedTuple`` is what type checkers see. At run time the same class statement makes a
tuple with named fields here, because importing typing and building a handful of named tuples
takes 13 ms, a quarter of all that `run` does before a command starts. Modules on that path write
``TYPE_CHECKING = False`` for the same reason; checkers know the name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from operator import itemgetter

    class NamedTuple(tuple):
        """Base of records: annotated names are fields, in order, with optional defaults."""

        __slots__ = ()
        _fields = ()
        _defaults = {}

        def __init_subclass__(cls):
            cls._fields = tuple(getattr(cls, "__annotations__", ()))
            cls._defaults = {
                name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__
            }
            for position, name in enumerate(cls._fields):
                setattr(cls, name, property(itemgetter(position)))

        def __new__(cls, *values, **named):
            rest = cls._fields[len(values) :]
            if len(values) > len(cls._fields) or not named.keys() <= set(rest):
                raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
            try:
                given = (named[name] if name in named else cls._defaults[name] for name in rest)
                return tuple.__new__(cls, (*values, *given))
            except KeyError as missing:
                raise TypeError(f"{cls.__name__} needs {missing}") from None

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            return (
                f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"
            )

        def __getnewargs__(self):
            return tuple(self)

        def _replace(self, **changes):
            return type(self)(**{**dict(zip(self._fields, self, strict=True)), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))


__all__ = ["NamedTuple"]
