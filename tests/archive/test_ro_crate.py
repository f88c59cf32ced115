"""`meticulous export --ro-crate`: held against the profile by the validator of the RO-Crate people.

The validator reads two contexts from the web. Here it gets them from its own cache: the one of
RO-Crate as the library ships it (that of a later version, with the same terms), and the terms of
the profile that we use.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import git, meticulous
from tests.launch_support import CHILDREN
from tests.sharing_support import commit

pytest.importorskip("rocrate")
pytest.importorskip("rocrate_validator")

VALIDATOR = Path(sysconfig.get_path("scripts")) / "rocrate-validator"
TERMS = "https://w3id.org/ro/terms/workflow-run"
TERMS_USED = ("environment", "sha256")
NOT_FOR_US = {
    "ro-crate-1.1_22.3",  # the publisher is an organisation
    "ro-crate-1.1_30.2",  # the author has an affiliation
    "ro-crate-1.1_30.3",
    "process-run-crate-0.5_5.1",  # every program has an address
}
"""Recommendations that a record of runs cannot follow: it does not know these things."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one that ended well, one that failed, one outside git of no Python program."""
    path = tmp_path_factory.mktemp("crate") / "project"
    path.mkdir()
    git(path, "init", "-q")
    git(path, "config", "user.name", "Tester")
    git(path, "config", "user.email", "tester@example.org")
    git(path, "remote", "add", "origin", "git@example.org:group/project.git")
    program = (
        "import argparse, os\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=0.1)\n"
        "parser.add_argument('--empty', default='')\n"
        "parser.add_argument('--layers', type=int, nargs='*', default=[1, 2])\n"
        "lr = parser.parse_args().lr\n"
        "open(os.environ['METICULOUS_RUN_DIR'] + '/mödel 1.pt', 'w').write('x')\n"
        "print(1 / lr)\n"
    )
    commit(path, train_py=program, _gitignore="experiments/\n")
    for words in (
        ["--", "python3", "train.py"],
        ["--", "python3", "train.py", "--lr", "0"],
        ["--no-git", "--experiment-id", "a b", "--", "true"],
    ):
        meticulous("run", "-q", *words, cwd=path)
    return path


def crate(project: Path, path: str, *options: str) -> dict[str, Any]:
    """Export all runs as a crate, and return its entities by their ids."""
    words = ["export", "1", "2", "a b", path, "--ro-crate", *options]
    done = meticulous(*words, cwd=project)
    assert 0 == done.returncode, done.stderr
    if path.endswith("/"):
        content = (Path(path) / "ro-crate-metadata.json").read_text()
    else:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("ro-crate-metadata.json").decode()
    return {entity["@id"]: entity for entity in json.loads(content)["@graph"]}


def validate(path: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the validator on a crate, without the network."""
    import rocrate

    terms = tmp_path / "terms.json"
    terms.write_text(json.dumps({"@context": {name: f"{TERMS}#{name}" for name in TERMS_USED}}))
    context = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    pages = ["https://w3id.org/ro/crate/1.1/context", str(context), f"{TERMS}/context", str(terms)]
    cache = str(tmp_path / "cache")
    filling = [sys.executable, str(CHILDREN / "offline_cache.py"), cache, *pages]
    subprocess.run(filling, check=True)
    words = ["validate", "--offline", "--cache-path", cache, "-p", "process-run-crate", "-v"]
    words += ["--no-paging", "--skip-availability-check", *options, path]
    return subprocess.run(
        [str(VALIDATOR), "-y", "--disable-color", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("form", ["crate.zip", "crate/"])
def test_it_holds_to_the_profile(project: Path, tmp_path: Path, form: str) -> None:
    crate(project, f"{tmp_path}/{form}", "--license", "All rights reserved")

    done = validate(f"{tmp_path}/{form}", tmp_path)

    assert 0 == done.returncode, done.stdout + done.stderr


def test_a_bad_crate_would_be_noticed(project: Path, tmp_path: Path) -> None:
    crate(project, f"{tmp_path}/crate/", "--license", "MIT")
    metadata = tmp_path / "crate" / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"instrumental"'))

    done = validate(f"{tmp_path}/crate/", tmp_path)

    assert 0 != done.returncode


def test_it_follows_what_is_recommended(project: Path, tmp_path: Path) -> None:
    words = ["--license", "CC-BY-4.0", "--author", "Ada Lovelace <0000-0002-1825-0097>"]
    crate(project, f"{tmp_path}/crate/", *words, "--name", "A title", "--description", "More")
    report = tmp_path / "report.json"

    validate(f"{tmp_path}/crate/", tmp_path, "-l", "recommended", "-f", "json", "-o", str(report))

    issues = json.loads(report.read_text())["issues"]
    left = [
        (issue["check"]["identifier"], issue["message"], issue["violatingEntity"])
        for issue in issues
        if issue["check"]["identifier"] not in NOT_FOR_US
        and "#command" not in str(issue["violatingEntity"])  # no code, no version, no address
    ]
    assert [] == left


def test_what_a_crate_says(project: Path, tmp_path: Path) -> None:
    words = ["--license", "MIT", "--author", "Ada <https://example.org/ada>", "--name", "Title"]
    found = crate(project, f"{tmp_path}/a.zip", *words)

    root, action, failed = found["./"], found["#run-1"], found["#run-2"]
    assert "Title" == root["name"]
    assert "https://spdx.org/licenses/MIT" == root["license"]["@id"]
    assert {"@id": "https://example.org/ada"} == root["author"] == action["agent"]
    assert ["#run-1", "#run-2", "#run-a%20b"] == [part["@id"] for part in root["mentions"]]
    assert "http://schema.org/CompletedActionStatus" == action["actionStatus"]
    assert "http://schema.org/FailedActionStatus" == failed["actionStatus"]
    assert "ZeroDivisionError" in failed["error"] and "error" not in action
    code = found[action["instrument"]["@id"]]
    sha = git(project, "rev-parse", "HEAD").strip()
    assert (sha, "https://example.org/group/project") == (code["version"], code["url"])
    assert {"@id": "code.bundle"} == code["encoding"]
    values = [found[part["@id"]] for part in action["object"]]
    assert {"lr": "0.1", "empty": " ", "layers": "[1, 2]"} == {
        value["name"]: value["value"] for value in values
    }
    results = {part["@id"] for part in action["result"]}
    assert {"runs/1/stdout", "runs/1/stderr", "runs/1/m%C3%B6del%201.pt"} == results
    assert "1" == found["runs/1/m%C3%B6del%201.pt"]["contentSize"]
    assert "true" == found[found["#run-a%20b"]["instrument"]["@id"]]["name"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert "ro-crate-metadata.json" in archive.namelist()


@pytest.mark.parametrize("form", ["crate.zip", "crate/"])
def test_a_crate_is_imported_like_any_export(project: Path, tmp_path: Path, form: str) -> None:
    crate(project, f"{tmp_path}/{form}", "--license", "MIT")
    place = tmp_path / "place"
    place.mkdir()

    done = meticulous("import", f"{tmp_path}/{form}", cwd=place)

    assert b"experiments/1\nexperiments/2\nexperiments/a b\n" == done.stdout


def test_bytes_that_are_no_text(repository: Path, tmp_path: Path) -> None:
    meticulous("run", "-q", "--", "true", "--name=\udcff", "\udcfe", cwd=repository)
    words = ("export", "1", tmp_path / "a.zip", "--ro-crate", "--license", "MIT")
    done = meticulous(*words, cwd=repository)
    assert 0 == done.returncode, done.stderr
    assert 0 == validate(str(tmp_path / "a.zip"), tmp_path).returncode

    (repository / "experiments" / "1" / "b\udcff").write_text("x")
    refused = meticulous(*words, "--force", cwd=repository)

    assert 1 == refused.returncode
    assert b"an RO-Crate cannot hold the file name 'runs/1/b\\udcff'" in refused.stderr


def test_what_makes_no_crate(project: Path, tmp_path: Path) -> None:
    tar = meticulous("export", "1", tmp_path / "a.tar.gz", "--ro-crate", cwd=project)
    alone = meticulous("export", "1", tmp_path / "a.zip", "--license", "MIT", cwd=project)
    plain = meticulous("export", "1", tmp_path / "b.zip", "--ro-crate", cwd=project)

    assert 2 == tar.returncode and b"an RO-Crate is a .zip or a folder" in tar.stderr
    assert 2 == alone.returncode and b"--license is for --ro-crate" in alone.stderr
    assert 2 == plain.returncode and b"--license CC-BY-4.0" in plain.stderr
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize(
    ("library", "words", "extra"),
    [
        ("rocrate", ["export", "1", "x.zip", "--ro-crate", "--license", "MIT"], "ro-crate"),
        ("zstandard", ["export", "1", "x.tar.zst"], "export"),
        ("tomli_w", ["environment", "1", "--lock"], "lock"),
    ],
)
def test_a_library_that_is_missing_is_named(
    project: Path, library: str, words: list[str], extra: str
) -> None:
    if library == "zstandard" and sys.version_info >= (3, 14):
        pytest.skip("Python has it")
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from meticulous.cli import main\nmain(sys.argv[1:])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=project, capture_output=True, check=False
    )

    assert 1 == done.returncode
    (line,) = done.stderr.decode().splitlines()
    assert f"pip install 'meticulous[{extra}]'" in line
    assert not [name for name in project.iterdir() if name.name.startswith(("x", ".x"))]
