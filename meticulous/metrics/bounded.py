"""A regular expression that cannot hang: it is matched in a process apart, which can be killed.

Python's ``re`` cannot be interrupted, and some patterns take for ever on some lines. The process is a
bare interpreter with the standard library alone; a line costs it some 20 µs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import Any

__all__ = ["Bounded"]

MOST_S = 1.0
"""A line that takes the pattern longer than this does not match."""
_MOST_SLOW = 3
"""After so many slow lines the pattern is given up."""

_CODE = """
import json, re, sys
pattern = re.compile(json.loads(sys.argv[1]))
for line in sys.stdin.buffer:
    found = pattern.search(json.loads(line))
    sys.stdout.write(json.dumps(found.groupdict() if found else None) + "\\n")
    sys.stdout.flush()
"""


class Bounded:
    """Searches lines for `pattern`, each for a bounded time."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._process: subprocess.Popen[bytes] | None = None
        self._slow = 0

    @property
    def trouble(self) -> str | None:
        """A line about what was too slow, or None."""
        if not self._slow:
            return None
        end = ", and it is given up" if self._slow >= _MOST_SLOW else ""
        return f"the pattern {self._pattern!r} took over {MOST_S:g} s on {self._slow} lines{end}"

    def search(self, line: str) -> dict[str, Any] | None:
        """Return the named groups of the first match in `line`; None without one, or in time."""
        if self._slow >= _MOST_SLOW:
            return None
        try:
            answer = self._ask(json.dumps(line).encode() + b"\n")
        except OSError:  # the process is gone
            answer = b""
        if not answer.endswith(b"\n"):
            self._slow += 1
            self.close()
            return None
        found = json.loads(answer)
        return found if isinstance(found, dict) else None

    def _ask(self, question: bytes) -> bytes:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CODE, json.dumps(self._pattern)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # a Ctrl-C is not for it
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(question)
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], MOST_S)
            if not ready:
                return b""
            more = os.read(process.stdout.fileno(), 1 << 16)
            if not more:
                return b""
            answer += more
        return answer

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
