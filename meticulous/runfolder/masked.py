"""Masking of the secrets in ``metadata.json``, where the file is written."""

from __future__ import annotations

from meticulous.masking import mask_text
from meticulous.runfolder import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["masked_metadata"]

_TEXTS = ("description", "branch", "reason")
_LISTS = (keys.TAGS, keys.UNTRACKED, keys.RECORDING_TROUBLE)


def masked_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return `metadata` with masked secrets in the texts that people and programs have given.

    The command, the commit message and the remote are masked where they are read.
    """
    changes: dict[str, Any] = {}
    for key in _TEXTS:
        text = metadata.get(key)
        if isinstance(text, str) and text:
            changes[key] = mask_text(text)
    for key in _LISTS:
        texts = metadata.get(key)
        if texts and isinstance(texts, list):
            changes[key] = [mask_text(text) if isinstance(text, str) else text for text in texts]
    return {**metadata, **changes}
