"""Whether a higher or a lower value of a column is better: said in ``meticulous.yaml``, or known by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meticulous.query.importance import RESULTS

__all__ = ["HIGHER", "LOWER", "better"]

HIGHER, LOWER = "higher", "lower"

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
_HIGH = re.compile(r"acc(uracy|uracies)?\d*|f1\w*|\w*auc|auroc|rewards?|scores?|bleu\d*|\w*r2")
_LOW = re.compile(r"loss(es)?|errors?|err|perplexity|ppl|time|duration|runtime|walltime")


def better(column: str, said: Mapping[str, Any]) -> str | None:
    """Return ``higher`` or ``lower``; None where nobody knows.

    Args:
        column: such as ``summary_val_acc``; of a lowest, highest or mean value it is the same.
        said: the setting ``better``: names of columns, with or without ``summary_`` or
            ``metrics_``, and ``higher`` or ``lower``.

    Of several words that tell, the last counts: ``time_to_accuracy`` is one, ``accuracy_time`` the other.
    """
    plain = column
    for prefix in RESULTS:
        plain = plain.removeprefix(prefix)
    base = re.sub(r"_(min|max|mean)$", "", plain)
    for name in (column, plain, column[: len(column) - len(plain)] + base, base):
        if name in said:
            return str(said[name])
    for word in reversed(_WORD.findall(plain)):
        if _HIGH.fullmatch(word.lower()):
            return HIGHER
        if _LOW.fullmatch(word.lower()):
            return LOWER
    return None
