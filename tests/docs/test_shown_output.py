"""What README.md and docs/ show as output is what the commands print; `make outputs` writes it anew."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load_tool() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "shown_output", ROOT / "tools" / "shown_output.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["shown_output"] = module
    specification.loader.exec_module(module)
    return module


TOOL = load_tool()
PAGES = TOOL.pages_of([])


@pytest.fixture(scope="module")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs that several pages begin with are recorded once."""
    return tmp_path_factory.mktemp("pages")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_output_that_a_page_shows_is_what_is_printed(
    page: Path, shared_directory: Path
) -> None:
    text = page.read_text()

    new, pictures = TOOL.renewed(page, text, shared_directory)

    before, now = TOOL.alike(text).splitlines(), TOOL.alike(new).splitlines()
    difference = "\n".join(difflib.unified_diff(before, now, "shown", "printed", lineterm=""))
    assert not difference, f"{difference}\nWrite it anew: make outputs"
    for path, picture in pictures.items():
        assert TOOL.is_current(path, picture), f"{path}: make outputs"


def console(*lines: str) -> str:
    return "```console\n" + "\n".join(lines) + "\n```\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 0.2s, memory 13 MB", "took 1m 12s, memory 1.4 GB"),
        ("started 2026-11-25 10:08:55 +0000 on vm", "started 2026-12-01 00:00:00 +0000 on node-7"),
        ("SUCCESS after 0.2s, in experiments/1", "SUCCESS after 0.6s, peak memory 9 MB, in experiments/1"),
        ("duration  0.4s  0.2s  -34.5 %", "duration  0.2s  0.2s  +4 %"),
        ("  3.7/s", "  48.2/min"),
        ("1  11-25 10:08  0.2s", "1  12-01 00:00  0.2s"),
        ("code 2a391b31b43f on main", "code 9c3982e10008 on main"),
        ("loss 0.14090808556298923", "loss 0.14090808556298911"),
        ("  1  0.2s   SUCCESS", "  1  12.5s  SUCCESS"),
    ],
)  # fmt: skip
def test_what_no_two_runs_have_in_common_is_passed_over(one: str, other: str) -> None:
    assert TOOL.alike(console(one)) == TOOL.alike(console(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("loss 0.1409", "loss 0.1410"),
        ("run 1  SUCCESS", "run 1  ERROR"),
        ("run 1", "run 2"),
        ("took 0.2s", "took"),
        ("took 0.2s  loss 0.14", "took 0.2s  loss 0.15"),
        ("a  b", "a   b"),
        ("loss  0.14  0.13  -9.2 %", "loss  0.14  0.13  -9.3 %"),
        ("loss 0.14090808556298923", "loss 0.14090908556298923"),
    ],
)
def test_what_is_not_the_same_is_seen(one: str, other: str) -> None:
    assert TOOL.alike(console(one)) != TOOL.alike(console(other))


def test_a_block_is_run_as_it_would_be_typed(tmp_path: Path) -> None:
    page = (
        "<!-- session: width=40 -->\n"
        '```sh title="greet.sh"\necho hello $1\n```\n'
        "<!-- output: exit=3 -->\n" + console("$ mkdir in && cd in && sh -c 'exit 3'")
        + console("$ sh ../greet.sh \\", "    you", "wrong")
        + "<!-- output: first=1 last=1 -->\n" + console("$ seq 9; test -t 1 && stty size")
        + "<!-- output: no -->\n" + console("$ rm -rf /", "as it was")
    )  # fmt: skip

    new, pictures = TOOL.renewed(tmp_path / "page.md", page, tmp_path)

    assert console("$ sh ../greet.sh \\", "    you", "hello you") in new
    assert console("$ seq 9; test -t 1 && stty size", "1", "…", "60 40") in new
    assert console("$ rm -rf /", "as it was") in new
    assert not pictures


def test_a_command_that_fails_stops_the_page(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"`no-such-command` ended with 127"):
        TOOL.renewed(
            tmp_path / "page.md", "<!-- session -->\n" + console("$ no-such-command"), tmp_path
        )
