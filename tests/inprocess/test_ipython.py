"""Experiments in IPython: cells, and scripts that ``%run`` runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEADLINE_S, runs_of
from tests.experiment_support import add_script, run_script

EXAMPLES = Path(__file__).parents[2] / "examples"

SCRIPT = """
    import sys
    from meticulous import Experiment
    experiment = Experiment({"k": 1})
    print("in the script")
    exec(sys.argv[1])
"""


EXIT_CODES = {"sys.exit(3)": 3, "1 / 0": 1, "raise KeyboardInterrupt": None}


def ipython(project: Path, code: str) -> str:
    """Run `code` as a cell each line, in IPython's own terminal program; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", "--quick"],
        cwd=project,
        input=code,
        text=True,
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("last_line", "status", "words"),
    [
        ("pass", "SUCCESS", ""),
        ("sys.exit()", "SUCCESS", ""),
        ("sys.exit(3)", "ERROR", "3"),
        ("1 / 0", "ERROR", "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", "ERROR", "KeyboardInterrupt"),
    ],
)
def test_an_experiment_of_a_script_ends_with_its_run(
    repository: Path, last_line: str, status: str, words: str
) -> None:
    add_script(repository, SCRIPT)
    output = ipython(repository, f'%run train.py "{last_line}"\nprint("after", 6 * 7)\n[][1]\n')
    assert "after 42" in output
    (run,) = runs_of(repository)
    state, message = run.read_status()
    assert (status, words in message) == (state, True), message
    assert EXIT_CODES.get(last_line, 0) == run.read_metadata()["exit-code"]
    kept = Path(run.file("stdout")).read_text()
    assert kept.startswith("in the script\n")
    assert "after" not in kept


def test_an_experiment_of_a_cell_goes_on_after_a_script(repository: Path) -> None:
    add_script(repository, SCRIPT)
    cells = (
        "from meticulous import Experiment; outer = Experiment({'cell': 1})\n"
        '%run train.py "pass"\n'
        "print('still', 'here'); outer.finish()\n"
    )
    ipython(repository, cells)
    outer, script = runs_of(repository)
    assert "still here" in Path(outer.file("stdout")).read_text()
    assert "still here" not in Path(script.file("stdout")).read_text()
    assert ["SUCCESS", "SUCCESS"] == [outer.read_status()[0], script.read_status()[0]]
    assert "1" == script.read_metadata()["parent"]


def test_the_notebook_of_the_examples_reads_runs_back(repository: Path) -> None:
    pytest.importorskip("ipykernel")
    client = pytest.importorskip("jupyter_client")
    code = """
        from meticulous import Experiment
        for k in (1, 2):
            with Experiment({"k": k}) as experiment:
                print("k is", k)
                experiment.summary({"loss": 1 / k})
    """
    run_script(repository, code)
    notebook = json.loads((EXAMPLES / "read_runs.ipynb").read_text())
    printed: list[str] = []

    tables: list[str] = []

    def note(message: dict[str, Any]) -> None:
        content = message["content"]
        data = content.get("data", {})
        printed.append(content.get("text") or data.get("text/plain", ""))
        tables.append(data.get("text/html", ""))

    manager, kernel = client.manager.start_new_kernel(kernel_name="python3", cwd=str(repository))
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                reply = kernel.execute_interactive(
                    "".join(cell["source"]), timeout=DEADLINE_S, output_hook=note
                )
                assert "ok" == reply["content"]["status"], reply["content"]
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)
    said = "".join(printed)
    assert "SUCCESS {'k': 1} {'loss': 1.0}\nk is 1" in said
    assert "recorded in" in said
    shown = [table for table in tables if table]
    listed, one, _, filtered, grouped, compared = shown
    assert ">2 runs<" in listed
    assert "arguments" in listed
    assert "experiments/1</b>" in one
    assert "0.5" in filtered
    assert "1.0" not in filtered
    assert all(word in grouped for word in ("mean", "std", "count"))
    assert "args_k" in compared
    assert {"k": 10} == runs_of(repository)[2].read_json("args.json")
