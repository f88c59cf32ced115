"""The start-up file: it is not noticed, and what ends the program is reported."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shim_support import environment

PYTHONS = sorted(
    {
        *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python")),
        *(path for path in ("/usr/bin/python3", "/usr/bin/pypy3") if os.path.exists(path)),
        sys.executable,
    }
)
"""Every interpreter of this machine."""

LOOK = """
from __future__ import print_function
import os, sys
site = sys.modules.get("sitecustomize")
print(sys.argv, sys.path, os.getcwd(), sys.flags, site and site.__file__)
print(sorted(name for name in sys.modules if "customize" in name), sys.stdin.read())
print(__name__, globals().get("__file__"), sys.executable, sys.prefix)
try:
    import sitecustomize
    print("found", sitecustomize.__file__)
except ImportError as error:
    print("not found", error)
import argparse, threading, json
print(argparse.__file__, type(getattr(argparse, "__loader__", 0)), threading.__dict__.keys())
print(sorted(item for item in os.environ.items()
      if item[0] != "PYTHONPATH" and not item[0].startswith("METICULOUS_")))
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
print(parser.parse_args(), argparse.ArgumentParser.parse_args.__name__)
sys.stderr.write("to stderr\\n")
sys.exit(7)
"""


def native_and_wrapped(tmp_path: Path, argv: list[str], **more: str) -> None:
    """Run `argv` without and with the shim; find the two equal in all that can be seen."""
    run = tmp_path / "run"
    run.mkdir(exist_ok=True)
    native, wrapped = (
        subprocess.run(
            argv,
            env=environment(folder, PYTHONDONTWRITEBYTECODE="1", **more),
            input=b"input",
            capture_output=True,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
        for folder in (None, run)
    )
    assert native.stdout == wrapped.stdout
    assert native.stderr == wrapped.stderr
    assert native.returncode == wrapped.returncode
    log = run / "reports" / "debug.log"
    assert "cannot" not in (log.read_text() if log.exists() else "")


@pytest.fixture
def look(tmp_path: Path) -> Path:
    script = tmp_path / "look.py"
    script.write_text(LOOK)
    return script


@pytest.mark.parametrize("python", PYTHONS)
class TestNativeAndWrappedAreEqual:
    """In every interpreter of the machine."""

    def test_script(self, python: str, look: Path, tmp_path: Path) -> None:
        native_and_wrapped(tmp_path, [python, str(look), "--lr", "3"])

    def test_module_and_command(self, python: str, look: Path, tmp_path: Path) -> None:
        native_and_wrapped(tmp_path, [python, "-m", "look"])
        native_and_wrapped(tmp_path, [python, "-c", look.read_text(), "--lr", "4"])

    def test_zipapp(self, python: str, look: Path, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app" / "__main__.py").write_text(look.read_text())
        subprocess.run([sys.executable, "-m", "zipapp", "app"], cwd=tmp_path, check=True)

        native_and_wrapped(tmp_path, [python, "app.pyz", "--lr", "3"])

    def test_a_sitecustomize_of_the_user(self, python: str, look: Path, tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.mkdir()
        (own / "sitecustomize.py").write_text(
            "from __future__ import print_function\nimport argparse, sys\n"
            "print('user', __name__, __file__, sys.path)\nsys.path.append('/nowhere')\n"
        )
        native_and_wrapped(tmp_path, [python, str(look), "--lr", "3"], PYTHONPATH=str(own))

        (own / "sitecustomize.py").write_text("import nothing_of_that_name\n")
        native_and_wrapped(tmp_path, [python, str(look), "--lr", "3"], PYTHONPATH=str(own))

        (own / "sitecustomize.py").write_text("1 / 0\n")
        native_and_wrapped(tmp_path, [python, str(look), "--lr", "3"], PYTHONPATH=str(own))

    def test_isolated(self, python: str, look: Path, tmp_path: Path) -> None:
        native_and_wrapped(tmp_path, [python, "-E", str(look), "--lr", "3"])

    def test_an_exception(self, python: str, tmp_path: Path) -> None:
        script = tmp_path / "fail.py"
        script.write_text("def f():\n    1 / 0\nf()\n")
        native_and_wrapped(tmp_path, [python, str(script)])
