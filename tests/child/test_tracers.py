"""Tools that wrap loaders or finders before the program, as tracers do, hide no arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import only_run
from tests.launch_support import METICULOUS

PROGRAM = """
import argparse
p = argparse.ArgumentParser(); p.add_argument("--lr", type=float, default=0.1)
print(p.parse_args().lr)
"""
CHAIN = """
sys.path.remove(os.path.dirname(os.path.abspath(__file__))); del sys.modules["sitecustomize"]
import sitecustomize
"""
WRAPPED = """
import os, sys
class Loader:
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def create_module(self, spec): return self.inner.create_module(spec)
    def exec_module(self, module): self.inner.exec_module(module)
class Finder:
    def find_spec(self, name, path=None, target=None):
        for finder in list(sys.meta_path):
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = Loader(spec.loader)
                return spec
"""
OWN_FUNCTIONS = """
import os, sys
class Loader:
    def __init__(self, inner):
        self.inner = inner
        self.create_module, self.exec_module = inner.create_module, self._exec_module
    def _exec_module(self, module): self.inner.exec_module(module)
    def __getattr__(self, name): return getattr(self.inner, name)
class Finder:
    def find_spec(self, name, path=None, target=None):
        for finder in list(sys.meta_path):
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = Loader(spec.loader)
                return spec
import argparse
del sys.modules["argparse"]  # and the program imports it anew
"""
PROXIES = """
class Proxy:
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def find_spec(self, name, path=None, target=None): return self.inner.find_spec(name, path, target)
"""
LAZY = """
import importlib.util
class Lazy:
    def find_spec(self, name, path=None, target=None):
        if name != "argparse": return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = importlib.util.LazyLoader(spec.loader)
                return spec
"""
TRACERS = {
    "loaders with functions of their own, before us": (
        OWN_FUNCTIONS + "sys.meta_path.insert(0, Finder())" + CHAIN,
        "",
    ),
    "loaders with functions of their own, after us": (
        "",
        OWN_FUNCTIONS + "sys.meta_path.insert(0, Finder())\n",
    ),
    "loaders wrapped, before us": (WRAPPED + "sys.meta_path.insert(0, Finder())" + CHAIN, ""),
    "loaders wrapped, after us": ("", WRAPPED + "sys.meta_path.insert(0, Finder())\n"),
    "finders behind proxies": (
        "",
        "import sys" + PROXIES + "sys.meta_path[:] = [Proxy(one) for one in sys.meta_path]\n",
    ),
    "a list of proxies": (
        "",
        "import sys" + PROXIES + "sys.meta_path = [Proxy(one) for one in sys.meta_path]\n",
    ),
    "modules loaded lazily": ("", "import sys" + LAZY + "sys.meta_path.insert(0, Lazy())\n"),
}


@pytest.mark.parametrize("kind", TRACERS)
def test_arguments_are_seen(kind: str, repository: Path) -> None:
    before, within = TRACERS[kind]
    environ = {**os.environ}
    command = [sys.executable, "program.py", "--lr", "0.5"]
    if before:
        (repository / "tracer").mkdir()
        (repository / "tracer" / "sitecustomize.py").write_text(before)
        command = ["sh", "-c", 'PYTHONPATH="$PWD/tracer:$PYTHONPATH" exec "$@"', "sh", *command]
    (repository / "program.py").write_text(within + PROGRAM)
    done = subprocess.run(
        [*METICULOUS, "run", "-q", "--", *command],
        cwd=repository, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5\n", "")
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": 0.5}
    assert "argparse in program.py" in run.read_metadata()["args-source"]


@pytest.mark.parametrize("library", ["beartype", "wrapt"])
def test_with_a_real_library_that_hooks_imports(library: str, repository: Path) -> None:
    pytest.importorskip(library)
    start = {
        "beartype": "from beartype.claw import beartype_all\nbeartype_all()\n",
        "wrapt": "import wrapt\nwrapt.register_post_import_hook(lambda module: None, 'argparse')\n",
    }
    (repository / "program.py").write_text(start[library] + PROGRAM)
    done = subprocess.run(
        [*METICULOUS, "run", "-q", "--", sys.executable, "program.py", "--lr", "0.5"],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout == "0.5\n"
    assert "argparse in program.py" in only_run(repository).read_metadata()["args-source"]


INSTRUMENT = """\
#!{python}
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--service_name"); parser.add_argument("command"); parser.add_argument("rest", nargs="...")
found = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "auto")
os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ["PYTHONPATH"]])
os.execv(found.command, [found.command, *found.rest])
"""


def test_a_known_tool_whose_start_up_file_hides_ours_is_not_taken_for_the_program(
    repository: Path,
) -> None:
    """As OpenTelemetry's does: then the words of the program say what there is to say."""
    (repository / "auto").mkdir()
    (repository / "auto" / "sitecustomize.py").write_text("")
    tool = repository / "opentelemetry-instrument"
    tool.write_text(INSTRUMENT.format(python=sys.executable))
    tool.chmod(0o755)
    (repository / "program.py").write_text(PROGRAM)
    words = ["--service_name", "x", sys.executable, "program.py", "--lr", "0.5"]
    done = subprocess.run(
        [*METICULOUS, "run", "-q", "--", "./opentelemetry-instrument", *words],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5\n", "")
    run = only_run(repository)
    assert run.read_json("args.json") == {"lr": 0.5}
    assert run.read_metadata()["args-source"] == "argv"
