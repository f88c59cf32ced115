from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from meticulous.environment.interpreter import Python, find_python

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LIBRARY = f"python{VERSION}"


@pytest.fixture(scope="module")
def made_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("venvs") / "it's ünder"
    venv.create(path, symlinks=True)
    return path


def executable(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def find(*command: str, cwd: str = "/", **environ: str) -> Python:
    return find_python(command, cwd, environ)


def test_a_virtual_environment_is_what_it_says_of_itself(made_venv: Path) -> None:
    python = str(made_venv / "bin" / "python")
    script = "import sys, json; print(json.dumps([sys.prefix, '%d.%d.%d' % sys.version_info[:3]]))"
    told = subprocess.run([python, "-c", script], capture_output=True, check=True, text=True).stdout

    found = find(python, "x.py")

    assert json.loads(told) == [found.prefix, found.version]
    assert found.executable == python
    assert found.directories == (str(made_venv / "lib" / LIBRARY / "site-packages"),)


def test_a_virtual_environment_of_copies_is_one_too(made_venv: Path, tmp_path: Path) -> None:
    path = tmp_path / "copies"
    venv.create(path, symlinks=False)

    found, linked = (find(str(place / "bin" / "python")) for place in (path, made_venv))

    assert found.version == linked.version != ""
    assert found.directories == (str(path / "lib" / LIBRARY / "site-packages"),)


def test_the_python_of_a_running_interpreter_is_found_with_its_packages() -> None:
    script = "import site; print(*site.getsitepackages(), sep='\\n')"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )

    found = find(sys.executable, "x.py")

    for directory in told.stdout.splitlines():
        assert not os.path.isdir(directory) or directory in found.directories


def test_the_command_is_looked_up_in_the_path_it_gets(made_venv: Path, tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    path = f"{tmp_path}:relative/none:{made_venv}/bin"

    assert find("python", PATH=path).prefix == str(made_venv)
    assert find("python", PATH="bin", cwd=str(made_venv)).prefix == str(made_venv)
    assert find("nice", "bin/python", cwd=str(made_venv)).prefix == str(made_venv)
    assert find("python", PATH=str(tmp_path)).unknown == "python was not found"


@pytest.mark.parametrize(
    "line",
    [
        "#!{bin}/python",
        "#! {bin}/python -u",
        "#!/usr/bin/env python3",
        "#!/usr/bin/env -S python -u",
    ],
)
def test_a_script_is_run_by_the_python_of_its_first_line(
    made_venv: Path, tmp_path: Path, line: str
) -> None:
    if "ünder" in str(made_venv) and "{bin}" in line:
        link = tmp_path / "link"
        link.symlink_to(made_venv)
        made_venv = link
    script = executable(tmp_path / "tool", line.format(bin=made_venv / "bin") + "\nimport x\n")

    found = find(str(script), "--lr", "1", PATH=str(made_venv / "bin"))

    assert found.prefix == str(made_venv)


def test_pips_script_for_long_paths_is_understood(made_venv: Path, tmp_path: Path) -> None:
    text = f"#!/bin/sh\n'''exec' \"{made_venv}/bin/python\" \"$0\" \"$@\"\n' '''\nimport x\n"
    script = executable(tmp_path / "tool", text)

    assert find(str(script)).prefix == str(made_venv)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("#!/bin/sh\nexec python\n", "tool is run by sh"),
        ("#!/nowhere/python\n", "tool is run by /nowhere/python, which was not found"),
        ("#!\n", "tool is run by , which was not found"),
        ("\x7fELF", "tool is not a Python program"),
        ("", "tool is not a Python program"),
    ],
)
def test_what_is_not_python_says_why(tmp_path: Path, text: str, unknown: str) -> None:
    assert find(str(executable(tmp_path / "tool", text))).unknown == unknown


def test_a_script_that_runs_itself_ends(tmp_path: Path) -> None:
    script = tmp_path / "python"
    executable(script, f"#!{script}\n")

    assert find(str(script)).unknown == "the interpreter is a script of a script"


@pytest.mark.parametrize("manager", ["uv", "poetry", "conda"])
def test_who_manages_environments_chooses_the_python(manager: str) -> None:
    found = find(manager, "run", "python", "x.py", PATH=os.defpath)

    assert found.unknown == f"{manager} chooses the environment"


@pytest.mark.parametrize("command", [(), ("",), ("\0",), ("\udcff/x",), ("nice",)])
def test_any_command_has_an_answer(command: tuple[str, ...]) -> None:
    assert find(*command).unknown


def test_torchrun_decides_and_not_the_python_behind_it(made_venv: Path, tmp_path: Path) -> None:
    link = tmp_path / "v"
    link.symlink_to(made_venv)
    executable(tmp_path / "bin" / "torchrun", f"#!{link}/bin/python\n")

    assert find("srun", "torchrun", "x.py", PATH=f"{tmp_path}/bin").prefix == str(link)


def pyenv(tmp_path: Path) -> Path:
    shim = '#!/usr/bin/env bash\nexec "/x/pyenv" exec "$program" "$@"\n'
    executable(tmp_path / "shims" / "python", shim)
    for version in ("3.9.1", "3.12.4"):
        library = "python" + version.rpartition(".")[0]
        executable(tmp_path / "versions" / version / "bin" / library, "\x7fELF")
        (tmp_path / "versions" / version / "bin" / "python").symlink_to(library)
    (tmp_path / "version").write_text("3.9.1\n")
    return tmp_path


def test_a_pyenv_shim_is_followed_to_the_chosen_version(tmp_path: Path) -> None:
    root = pyenv(tmp_path)
    environ = {"PATH": f"{root}/shims", "PYENV_ROOT": str(root)}
    project = tmp_path / "project" / "src"
    project.mkdir(parents=True)

    assert find("python", **environ).version == "3.9.1"
    assert find("python", PYENV_VERSION="3.12.4", **environ).version == "3.12.4"
    assert find("python", PYENV_VERSION="9", **environ).unknown == "pyenv chooses the version"
    (project.parent / ".python-version").write_text("# ours\n3.12.4\n")
    found = find("python", cwd=str(project), **environ)

    assert found.prefix == f"{root}/versions/3.12.4"
    assert f"{root}/versions/3.12.4/lib/python3.12/site-packages" in found.directories


def test_conda_tells_its_full_version(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "python3.11", "\x7fELF")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "python-3.11.9-h955ad1f_0.json").touch()

    assert find(str(tmp_path / "bin" / "python3.11")).version == "3.11.9"


def test_an_unversioned_interpreter_is_known_by_its_library(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "python", "\x7fELF")
    for name in ("python3.10", "python3.12"):
        (tmp_path / "lib" / name).mkdir(parents=True)
    (tmp_path / "lib" / "python3.12" / "os.py").touch()

    assert find(str(tmp_path / "bin" / "python")).version == "3.12"


def test_debians_own_folders_belong_to_the_python_of_the_system(tmp_path: Path) -> None:
    if not os.path.exists("/usr/bin/python3") or not os.path.isdir("/usr/lib/python3"):
        pytest.skip("no Python of Debian here")

    assert "/usr/lib/python3/dist-packages" in find("/usr/bin/python3").directories


@pytest.mark.parametrize(
    ("command", "environ", "user", "added"),
    [
        (["python"], {}, True, True),
        (["python", "-s"], {}, False, True),
        (["python", "-uI", "x.py"], {}, False, False),
        (["python", "-E"], {}, True, False),
        (["python", "-W", "sI"], {}, True, True),
        (["python"], {"PYTHONNOUSERSITE": "1"}, False, True),
        (["nice", "python", "x.py", "-I"], {}, True, True),
    ],
)
def test_options_decide_which_folders_count(
    tmp_path: Path, command: list[str], environ: dict[str, str], *, user: bool, added: bool
) -> None:
    python = executable(tmp_path / "bin" / "python3.12", "\x7fELF")
    python.with_name("python").symlink_to(python)
    given = {"HOME": "/home/me", "PYTHONPATH": "lib", "PATH": f"{tmp_path}/bin", **environ}

    found = find(*command, cwd="/work", **given).directories

    assert user == ("/home/me/.local/lib/python3.12/site-packages" in found)
    assert added == ("/work/lib" in found)
    assert f"{tmp_path}/lib/python3.12/site-packages" in found


def test_a_report_of_the_program_is_believed() -> None:
    report = {
        "executable": "/v/bin/python",
        "version": "3.9.1 (main, …) [GCC]",
        "prefix": "/v",
        "path": ["", "/v/lib", "rel", None],
    }

    assert find_python(["uv", "run"], "/work", {}, report) == Python(
        "/v/bin/python", "3.9.1", "/v", ("/v/lib", "/work/rel")
    )


def test_directories_that_pth_files_add_are_looked_at(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], cwd=tmp_path, check=True)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    for place in (tmp_path / "whole", site / "beside"):
        place.mkdir()
    lines = f"# {tmp_path}/comment\nimport os\n{tmp_path}/whole\nbeside\n{tmp_path}/gone\n"
    (site / "more.pth").write_text(lines)
    code = "import sys; print(*sys.path[-2:], sep='\\n')"
    told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)

    found = find_python([str(python), "train.py"], str(tmp_path), {})

    assert told.stdout.split("\n")[:-1] == list(found.directories[-2:])
