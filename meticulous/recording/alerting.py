"""``run --alert``: conditions on what a run logs and prints, looked at by a thread while it runs.

What holds is said on stderr, noted in the metadata and as the tag ``alert``, and told to the user's
``alert-command``. The run itself knows nothing of it.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time

from meticulous import runfolder
from meticulous.base.timestamps import now
from meticulous.base.units import format_duration
from meticulous.child.helper import from_strict
from meticulous.errors import RunFolderError
from meticulous.metrics.alerts import Condition, Seen, parse
from meticulous.recording.growing import Growing
from meticulous.runfolder import edits, keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from meticulous.base.spawn import Asked
    from meticulous.recording.record import RunRecord

__all__ = ["TAG", "Alerts"]

TAG = "alert"
PAUSE_S = 0.5
PATIENCE_S = 5.0
"""How long the end of a run waits for the alert-command."""
_ALERTS = "alerts"


class Alerts:
    """The alerts of one attempt. Make it before the command starts.

    Args:
        record: of the run.
        texts: conditions, checked.
        command: what is told of an alert, for ``sh -c``; None for nobody.
        say: says a line on stderr.
    """

    def __init__(
        self,
        record: RunRecord,
        texts: Sequence[str],
        command: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._record, self._command, self._say = record, command, say
        conditions = [parse(text) for text in texts]
        self._waiting = [one for one in conditions if one.silence_s is None]
        self._silences = [one for one in conditions if one.silence_s is not None]
        self._fired: set[str] = set()
        self._attempt = len(record.metadata.get(keys.ATTEMPTS) or []) + 1
        self._logged = Growing(record.run.file(runfolder.METRICS))
        self._rest = b""
        self._seen: dict[str, Seen] = {}
        self._sizes = self._printed()
        self._heard_s = time.monotonic()
        self._lock = threading.Lock()
        self._telling: list[threading.Thread] = []

    def work(self, end: threading.Event) -> None:
        """Look until `end`."""
        while not end.wait(PAUSE_S):
            self.look()
            self._listen()

    def look(self) -> None:
        """Take in the lines that have been logged since the last time."""
        with self._lock:
            while self._waiting and (content := self._logged.new()):
                *lines, self._rest = (self._rest + content).split(b"\n")
                for line in lines:
                    self._take(line)

    def end(self) -> None:
        """Look for the last time, and wait a moment until the user's command has ended."""
        self.look()
        deadline_s = time.monotonic() + PATIENCE_S
        for thread in self._telling:
            thread.join(max(deadline_s - time.monotonic(), 0))

    def _take(self, line: bytes) -> None:
        try:
            point = from_strict(json.loads(line))
        except (ValueError, RecursionError):
            return
        if not isinstance(point, dict):
            return
        for name, number in point.items():
            if isinstance(number, (int, float)):
                if name in self._seen:
                    self._seen[name].take(float(number))
                else:
                    self._seen[name] = Seen(float(number))
        if point.get("attempt", 1) != self._attempt:
            return  # of an earlier attempt: known, but told already
        for condition in [one for one in self._waiting if any(name in point for name in one.names)]:
            if condition.holds(self._seen):
                self._waiting.remove(condition)
                self._fire(condition, self._values(condition, point.get("step")))

    def _values(self, condition: Condition, step: Any) -> str:
        values = [f"{name} = {_shown(self._seen[name].last)}" for name in condition.names]
        return ", ".join([*([] if step is None else [f"step {step}"]), *values])

    def _listen(self) -> None:
        """Look whether something was printed, and since when not."""
        sizes = self._printed()
        if sizes != self._sizes:
            self._sizes, self._heard_s = sizes, time.monotonic()
            self._fired.clear()
        silence_s = time.monotonic() - self._heard_s
        for condition in self._silences:
            if silence_s >= (condition.silence_s or 0) and condition.text not in self._fired:
                self._fired.add(condition.text)
                self._fire(condition, f"silent for {format_duration(silence_s)}")

    def _printed(self) -> list[int]:
        sizes = []
        for name in (runfolder.STDOUT, runfolder.STDERR):
            try:
                sizes.append(os.stat(self._record.run.file(name)).st_size)
            except OSError:
                sizes.append(0)
        return sizes

    def _fire(self, condition: Condition, about: str) -> None:
        record = self._record
        text = f"{condition.text} ({about})"
        self._say(f"alert: {text}")
        entry = {"alert": condition.text, "about": about, "time": now()}
        record.update({_ALERTS: [*(record.metadata.get(_ALERTS) or []), entry]})
        try:
            edits.add_tag(record.run, TAG)
        except RunFolderError as error:
            record.note_trouble(f"alert: {error}")
        if self._command is not None:
            self._tell(self._command, text)

    def _tell(self, command: str, text: str) -> None:
        """Start the user's command; a thread waits for its end."""
        from meticulous.base.spawn import OURS, ask

        run = self._record.run
        variables = {
            "METICULOUS_ALERT_TEXT": f"run {run.id}: {text}",
            "METICULOUS_ALERT_RUN": run.id,
            "METICULOUS_RUN_DIR": os.path.abspath(run.path),
        }
        try:
            asked = ask("/bin/sh", ["-c", command], {**os.environ, **variables})
        except OSError as error:
            self._say(f"cannot start the alert-command: {error.strerror}")
            return
        OURS.add(asked.pid)
        thread = threading.Thread(target=self._await, args=(asked,), name="alert", daemon=True)
        thread.start()
        self._telling.append(thread)

    def _await(self, asked: Asked) -> None:
        from meticulous.base.spawn import OURS

        try:
            answer = asked.answer(at_length=True)
        finally:
            OURS.discard(asked.pid)
        if answer.code:
            said = answer.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            self._say(f"the alert-command ended with exit code {answer.code}{said and ': '}{said}")


def _shown(number: float) -> str:
    return "NaN" if math.isnan(number) else f"{number:.6g}"
