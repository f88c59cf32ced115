"""`meticulous environment`: the packages of a run as requirements and as a lock."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import meticulous, only_run

SHA256 = "ab" * 32
INDEX = {
    "numpy": {"2.0.1": ["numpy-2.0.1-cp311-cp311-linux_x86_64.whl", "numpy-2.0.1.tar.gz"]},
    "left-pad": {"1": ["left_pad-1.0-py3-none-any.whl"], "2": ["left_pad-2-py3-none-any.whl"]},
}
PACKAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "numpy": ("2.0.1", {}),
    "left-pad": ("1.0", {}),
    "of-git": ("0.1", {"url": "https://h/x.git", "commit": "c0ffee", "subdirectory": "s"}),
    "of-url": ("3", {"url": "https://h/y-3.tar.gz", "hashes": {"sha256": SHA256}}),
    "mine": ("0.1", {"editable": True}),
    "near": ("0.2", {"local": True}),
}


class Index(BaseHTTPRequestHandler):
    """A package index as PEP 691 has it."""

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        files = [
            {"filename": file, "url": f"/files/{file}", "hashes": {"sha256": SHA256}}
            for names in INDEX.get(name, {}).values()
            for file in names
        ]
        body = json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files}).encode()
        self.send_response(200 if files else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        server.shutdown()
        thread.join()


@pytest.fixture
def project(repository: Path) -> Path:
    meticulous("run", "-q", "--", sys.executable, "train.py", cwd=repository)
    return repository


def set_packages(project: Path, packages: dict[str, tuple[str, dict[str, Any]]]) -> None:
    run = only_run(project)
    environment = run.read_json("environment.json")
    environment["packages"] = {name: version for name, (version, _) in packages.items()}
    environment["package-sources"] = {n: source for n, (_, source) in packages.items() if source}
    run.write_json("environment.json", environment)


def test_the_packages_of_this_very_environment(project: Path) -> None:
    done = meticulous("environment", "last", cwd=project)

    lines = done.stdout.decode().splitlines()
    assert 0 == done.returncode
    assert lines[0].startswith(f"# Packages of run 1: Python {sys.version.split()[0]} on ")
    assert f"psutil=={version('psutil')}" in lines
    assert [line for line in lines if "meticulous" in line and line.startswith("# ")]


def test_where_packages_came_from_is_kept(project: Path) -> None:
    set_packages(project, PACKAGES)

    lines = meticulous("environment", "1", cwd=project).stdout.decode().splitlines()[1:]

    assert [
        "left-pad==1.0",
        "# mine==0.1 was installed as editable; its folder is not recorded",
        "# near==0.2 was installed from a local path, which is not recorded",
        "numpy==2.0.1",
        "of-git @ git+https://h/x.git@c0ffee#subdirectory=s",
        f"of-url @ https://h/y-3.tar.gz#sha256={SHA256}",
    ] == lines


def test_pip_reads_them(project: Path, tmp_path: Path) -> None:
    from packaging.requirements import Requirement

    set_packages(project, PACKAGES)
    lines = meticulous("environment", "1", cwd=project).stdout.decode().splitlines()

    names = [Requirement(line).name for line in lines if not line.startswith("#")]
    assert ["left-pad", "numpy", "of-git", "of-url"] == names


def test_a_lock_is_valid_and_says_what_it_lacks(project: Path, index: str) -> None:
    tomllib = pytest.importorskip("tomllib")

    from packaging.pylock import Pylock

    set_packages(project, {**PACKAGES, "gone": ("1.0", {}), "odd": ("not a version", {})})

    done = meticulous("environment", "1", "--lock", "--index-url", index, cwd=project)

    lock = Pylock.from_dict(tomllib.loads(done.stdout.decode()))
    lock.validate()
    packages = {str(package.name): package for package in lock.packages}
    assert {"left-pad", "numpy", "of-git", "of-url"} == set(packages)
    assert packages["numpy"].sdist and len(packages["numpy"].wheels or ()) == 1
    (wheel,) = packages["left-pad"].wheels or ()
    assert ("left_pad-1.0-py3-none-any.whl", {"sha256": SHA256}) == (wheel.name, wheel.hashes)
    assert packages["of-git"].vcs and packages["of-git"].vcs.commit_id == "c0ffee"
    assert f"=={sys.version_info[0]}.{sys.version_info[1]}.*" == str(lock.requires_python)
    assert 1 == done.returncode
    said = done.stderr.decode().splitlines()
    assert 4 == len(said)
    assert any("the lock lacks gone: " in line and "has no gone 1.0" in line for line in said)
    assert any("the lock lacks odd: 'not a version'" in line for line in said)
    assert any("mine: it was installed from a local folder" in line for line in said)


def test_a_complete_lock_ends_well(project: Path, index: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index)
    set_packages(project, {"left-pad": ("2", {}), "mine": ("0.1", {"editable": True})})

    done = meticulous("environment", "1", "--lock", cwd=project)

    assert 0 == done.returncode, done.stderr
    assert b'name = "left-pad"' in done.stdout


def test_an_index_that_cannot_be_reached_is_named(project: Path) -> None:
    set_packages(project, {"left-pad": ("2", {})})

    done = meticulous(
        "environment", "1", "--lock", "--index-url", "http://127.0.0.1:9/simple/", cwd=project
    )

    assert (1, b"") == (done.returncode, done.stdout)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("meticulous: cannot ask the package index http://127.0.0.1:9/simple/")


def test_a_run_without_a_python_is_refused(repository: Path) -> None:
    meticulous("run", "-q", "--", "true", cwd=repository)

    done = meticulous("environment", "1", cwd=repository)

    assert (1, b"") == (done.returncode, done.stdout)
    assert b"run 1 has no Python whose packages are known" in done.stderr
