"""Make the output that README.md and docs/ show by running the commands, or check that it is right.

    python tools/shown_output.py                 run the commands and write what they print
    python tools/shown_output.py --check         print the difference, and end with 1 if there is one
    python tools/shown_output.py docs/tutorial.md

A page takes part with a line ``<!-- session -->``. Its ``console`` blocks are one session of a shell in a
project of its own: each line that begins with ``$ `` is run on a terminal, and what it prints is what stands
below it. A file block (```` ```python title="train.py" ````) is written into the project. Comments say the rest:

``<!-- session: width=96 prepare=SCRIPT needs=MODULE -->``  columns of the terminal; a script of tools/ that
                                                runs before; what must be installed, or the page is passed over
``<!-- output: first=3 last=1 exit=1 -->``      of the block below: lines to show, exit code to expect
``<!-- output: no -->``                         the block below is not run
``<!-- file: examples/x.py -->``                the block below is that file
``<!-- picture: images/x.svg -->``              draw the block below, in colour, into this file

What no two runs have in common (times, dates, memory, processes) may differ; nothing else may.
"""

from __future__ import annotations

import argparse
import difflib
import html
import importlib.util
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import NamedTuple

import pyte

ROOT = Path(__file__).parents[1]
ROWS = 60
DEADLINE_S = 120

_SESSION = re.compile(r"^<!-- session:? ?(.*?) ?-->$", re.MULTILINE)
_BLOCK = re.compile(
    r"(?P<comments>(?:^<!-- [^\n]* -->\n)*)^```(?P<kind>\w+)(?P<title>[^\n]*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!-- (\w+): (.*?) -->")

_VARIABLE = [  # in this order: what is longer first
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?\+\d\d:?\d\d|Z)?", "DATE"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b(\d+h \d+m|\d+m \d+s|\d+(\.\d+)?(s|ms|min|h))\b", "TIME"),
    (r"\b\d+(\.\d+)? [kMG]i?B\b", "SIZE"),
    (r"SIZE +\d+$", "SIZE N"),  # how many files: a sampled run has one more
    (r"\b\d+(\.\d+)?/(s|min)\b", "SPEED"),
    (r"\bpid \d+", "PID"),
    (r"DATE on \S+", "DATE on HOST"),
    (r"TIME\s+[-+]?\d+(\.\d+)? ?[%×]", "TIME"),  # how much longer than another
    (r", peak memory SIZE", ""),  # of what was too short to be looked at there is none
    (r"\b(?=\d*[a-f])[0-9a-f]{7,40}\b", "COMMIT"),
]


class Shown(NamedTuple):
    """What a command printed: its lines, and the same in colour as (text, colour, bold) pieces."""

    lines: list[str]
    pieces: list[list[tuple[str, str, bool]]]
    code: int


class Session:
    """A shell in a new project; directory and variables last from one command to the next."""

    def __init__(self, directory: Path, width: int) -> None:
        self.home = directory / "home"
        self.project = self.home / "moons"
        self.width = width
        shutil.rmtree(self.home, ignore_errors=True)  # of the page before
        self.project.mkdir(parents=True)
        (self.home / ".gitconfig").write_text(
            "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n"
        )
        self._state = directory / "state"
        self._state.write_text(f"cd {shlex.quote(str(self.project))}\n")
        self.environment = {
            "GIT_AUTHOR_DATE": "2026-11-02T09:00:00Z",
            "GIT_COMMITTER_DATE": "2026-11-02T09:00:00Z",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PAGER": "cat",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "TZ": "UTC",
            "USER": "ada",
            "XDG_CACHE_HOME": str(self.home / ".cache"),
        }

    def prepare(self, script: str) -> None:
        """Run a script of tools/ in the project, unseen; once for all pages."""
        kept = self.home.parent / script
        if kept.exists():
            shutil.rmtree(self.home)
            shutil.copytree(kept, self.home, symlinks=True)
            return
        command = ["sh", "-eu", str(ROOT / "tools" / script)]
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(
                f"tools/{script} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        shutil.copytree(self.home, kept, symlinks=True)

    def run(self, command: str) -> Shown:
        """Run one command as it would be typed."""
        script = (
            f". {shlex.quote(str(self._state))}\n{command}\ncode=$?\n"
            f'{{ export -p; echo "cd $(printf %q "$PWD")"; }} > {shlex.quote(str(self._state))}\nexit $code\n'
        )
        written, code = on_terminal(
            ["bash", "-c", script], self.environment, self.project, self.width
        )
        return rendered(written.replace(os.fsencode(self.home), b"/home/ada"), self.width, code)


def on_terminal(
    command: list[str], environment: dict[str, str], directory: Path, width: int
) -> tuple[bytes, int]:
    """Run `command` on a terminal of its own; return what it wrote and its exit code."""
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, width, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=child,
        stdout=child,
        stderr=child,
        start_new_session=True,
    )
    os.close(child)
    written = b""
    while select.select([parent], [], [], DEADLINE_S)[0]:
        try:
            part = os.read(parent, 65536)
        except OSError:  # EIO: nobody has the terminal any more
            break
        if not part:
            break
        written += part
    else:
        process.kill()
        raise SystemExit(f"{command[-1]}: nothing printed for {DEADLINE_S} s")
    os.close(parent)
    return written, process.wait()


def rendered(written: bytes, width: int, code: int) -> Shown:
    """Return what a terminal shows of `written`."""
    screen = pyte.Screen(width, written.count(b"\n") + ROWS)
    pyte.ByteStream(screen).feed(written)
    height = max((row for row, text in enumerate(screen.display) if text.strip()), default=-1) + 1
    pieces = []
    for row in range(height):
        line: list[tuple[str, str, bool]] = []
        for column in range(width):
            cell = screen.buffer[row][column]
            if line and line[-1][1:] == (cell.fg, cell.bold):
                line[-1] = (line[-1][0] + cell.data, cell.fg, cell.bold)
            else:
                line.append((cell.data, cell.fg, cell.bold))
        pieces.append(line)
    return Shown([text.rstrip() for text in screen.display[:height]], pieces, code)


# --- pages ---------------------------------------------------------------------------------------


def renewed(page: Path, text: str, directory: Path) -> tuple[str, dict[Path, str]]:
    """Return the text of a page with the output that its commands have now, and its pictures."""
    options = _options(_SESSION.search(text)[1])  # type: ignore[index]
    pictures: dict[Path, str] = {}
    session = Session(directory, int(options.get("width", 96)))
    if "prepare" in options:
        session.prepare(options["prepare"])

    def block(found: re.Match[str]) -> str:
        comments = dict(_COMMENT.findall(found["comments"]))
        body = _body(session, found, comments, pictures, page)
        head = found[0][: found.start("body") - found.start()]
        return f"{head}{body}```"

    return _BLOCK.sub(block, text), pictures


def _body(
    session: Session,
    found: re.Match[str],
    comments: dict[str, str],
    pictures: dict[Path, str],
    page: Path,
) -> str:
    body = found["body"]
    if "file" in comments:
        body = (ROOT / comments["file"]).read_text()
    title = re.search(r'title="([^"]+)"', found["title"])
    if title:
        path = session.project / title[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    if found["kind"] != "console" or comments.get("output") == "no":
        return body
    options = _options(comments.get("output", ""))
    lines: list[str] = []
    pieces: list[list[tuple[str, str, bool]]] = []
    for command in _commands(body):
        shown = session.run(command)
        if shown.code != int(options.get("exit", 0)):
            printed = "\n".join(shown.lines)
            raise SystemExit(f"{page}: `{command}` ended with {shown.code}:\n{printed}")
        typed = command.split("\n")
        typed = [f"$ {typed[0]}", *typed[1:]]
        lines += [*typed, *_part(shown.lines, options)]
        pieces += [[(one, "typed", True)] for one in typed] + shown.pieces
    if "picture" in comments:
        pictures[page.parent / comments["picture"]] = drawn(pieces, session.width)
    return "".join(f"{line}\n" for line in lines)


def _commands(body: str) -> Iterator[str]:
    """Return the commands of a block; a backslash at the end of a line goes on in the next."""
    lines = iter(body.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            yield command


def _part(lines: list[str], options: dict[str, str]) -> list[str]:
    first, last = int(options.get("first", 0)), int(options.get("last", 0))
    if not (first or last) or len(lines) <= first + last + 1:
        return lines
    return [*lines[:first], "…", *(lines[-last:] if last else [])]


def _options(words: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words.split() if "=" in word)


def alike(text: str) -> str:
    """Return `text` without what no two runs have in common.

    Where a block has something of that kind, how many blanks and dashes stand between its words follows
    from that, and may differ as well.
    """

    def block(found: re.Match[str]) -> str:
        body = found["body"]
        body = re.sub(r"\b\d+\.\d{7,}\b", lambda number: f"{float(number[0]):.6g}", body)
        for pattern, name in _VARIABLE:
            body = re.sub(pattern, name, body, flags=re.MULTILINE)
        if body != found["body"]:
            body = re.sub(r"[ \t]+", " ", re.sub(r"[-─]{2,}", "--", body))
            body = re.sub(r" +$", "", body, flags=re.MULTILINE)
        return body

    return _BLOCK.sub(block, text)


# --- pictures ------------------------------------------------------------------------------------

_COLOURS = {
    "default": "#d8dee9", "typed": "#ffffff", "black": "#7b88a1", "red": "#f07178", "green": "#a3be8c",
    "brown": "#ebcb8b", "blue": "#81a1c1", "magenta": "#b48ead", "cyan": "#88c0d0", "white": "#e5e9f0",
    "brightblack": "#7b88a1",
}  # fmt: skip
_CELL, _LINE, _EDGE = 8.4, 19, 16


def drawn(pieces: list[list[tuple[str, str, bool]]], width: int) -> str:
    """Return lines of a terminal as an SVG that needs no font of its own."""
    height = len(pieces) * _LINE + 2 * _EDGE
    across = width * _CELL + 2 * _EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:.0f} {height}" width="{across:.0f}">',
        '<rect width="100%" height="100%" rx="8" fill="#242933"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">',
    ]
    for row, line in enumerate(pieces):
        column = 0
        for text, colour, is_bold in line:
            if text.strip():
                start = column + len(text) - len(text.lstrip())
                weight = ' font-weight="bold"' if is_bold else ""
                lines.append(
                    f'<text x="{_EDGE + start * _CELL:.1f}" y="{_EDGE + row * _LINE + 14}"'
                    f' textLength="{len(text.strip()) * _CELL:.1f}" xml:space="preserve"'
                    f' fill="{_COLOURS.get(colour, _COLOURS["default"])}"'
                    f"{weight}>{html.escape(text.strip())}</text>"
                )
            column += len(text)
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _words_of(picture: str) -> str:
    """Return the words of a picture, as a block whose variable parts :func:`alike` knows."""
    words = re.findall(r">([^<>\n]+)</text>", picture)
    return alike("```console\n" + " ".join(map(html.unescape, words)) + "\n```\n")


# --- the command ---------------------------------------------------------------------------------


def pages_of(names: list[str]) -> list[Path]:
    """Return the pages that take part, or those of `names`."""
    pages = [Path(name).resolve() for name in names]
    pages = pages or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if _takes_part(page)]


def _takes_part(page: Path) -> bool:
    session = _SESSION.search(page.read_text())
    if session is None:
        return False
    needed = _options(session[1]).get("needs")
    return needed is None or importlib.util.find_spec(needed) is not None


def main() -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Make or check the output that the documentation shows."
    )
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; 1 where it is out of date"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        is_out_of_date = _go_through(arguments, Path(directory))
    if arguments.check and is_out_of_date:
        print("Write it anew with `make outputs`, and look at the difference.")
    return int(arguments.check and is_out_of_date)


def _go_through(arguments: argparse.Namespace, directory: Path) -> bool:
    """Check or write each page; return whether any was out of date."""
    is_out_of_date = False
    for page in pages_of(arguments.pages):
        text = page.read_text()
        new, pictures = renewed(page, text, directory)
        stale = [path for path, picture in pictures.items() if not is_current(path, picture)]
        if alike(new) == alike(text) and not stale:
            continue
        is_out_of_date = True
        if arguments.check:
            lines = difflib.unified_diff(
                alike(text).splitlines(), alike(new).splitlines(), str(page), "now", lineterm=""
            )
            print("\n".join([*lines, *(f"{path} is out of date" for path in stale)]))
        else:
            page.write_text(new)
            for path in stale:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(pictures[path])
            print(f"wrote {page.relative_to(ROOT)}")
    return is_out_of_date


def is_current(path: Path, picture: str) -> bool:
    """Return whether the file `path` shows what `picture` does."""
    return path.exists() and _words_of(path.read_text()) == _words_of(picture)


if __name__ == "__main__":
    sys.exit(main())
