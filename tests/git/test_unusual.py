"""Unusual work trees and settings of git change neither the state that is found nor what is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from meticulous.git import capture
from meticulous.git.snapshot import take
from meticulous.git.worktree import add
from tests.conftest import git


@pytest.fixture
def top(repository: Path) -> Path:
    (repository / "outputs" / "deep").mkdir(parents=True)
    for name in ("outputs/.gitkeep", "outputs/deep/a", "model.py", "lib/old.py", "src/run.py"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(f"{name}\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "more")
    return repository


def checked_out(top: Path, directory: Path) -> dict[str, str]:
    """Return the files of the snapshot of `top`, and the targets of links."""
    kept = take(capture(str(top)))
    assert kept is not None
    assert kept.sha is not None
    add(str(top), kept.sha, str(directory))
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file() and path.name != ".git":
            found[name] = path.read_text()
    return found


LINKS = {
    "to a folder outside": ("outputs", "/tmp"),
    "to nothing": ("outputs", "gone"),
    "to a folder within": ("outputs", "src"),
    "a deeper folder": ("outputs/deep", "../src"),
    "to itself": ("outputs", "outputs"),
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_tracked_folder_that_became_a_link_is_kept_as_the_link(
    kind: str, top: Path, tmp_path: Path
) -> None:
    folder, target = LINKS[kind]
    shutil.rmtree(top / folder)
    (top / folder).symlink_to(target)
    (top / "new.py").write_text("new\n")
    before = git(top, "status", "--porcelain")

    found = checked_out(top, tmp_path / "copy")

    assert found[folder] == f"-> {target}"
    assert found["new.py"] == "new\n"
    assert not any(name.startswith(f"{folder}/") for name in found)
    assert git(top, "status", "--porcelain") == before


SETTINGS = [
    "core.ignorecase=true",
    "core.checkStat=minimal",
    "core.trustctime=false",
    "core.quotePath=false",
    "core.untrackedCache=true",
    "core.preloadIndex=false",
    "core.ignoreStat=true",
    "core.splitIndex=true",
    "core.fsmonitor=true",
    "status.showStash=true",
    "status.relativePaths=false",
    "status.short=true",
    "status.branch=true",
    "status.renames=copies",
    "status.showUntrackedFiles=no",
    "status.submoduleSummary=true",
    "diff.renames=copies",
    "diff.ignoreSubmodules=all",
    "diff.noprefix=true",
    "diff.mnemonicPrefix=true",
    "diff.external=false",
    "diff.algorithm=patience",
    "diff.orderFile=/dev/null",
    "index.version=4",
    "index.skipHash=true",
    "index.threads=2",
    "feature.manyFiles=true",
    "apply.whitespace=fix",
    "commit.gpgSign=true",
    "color.ui=always",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_the_answer(setting: str, top: Path, tmp_path: Path) -> None:
    git(top, "stash", "list")
    (top / "model.py").rename(top / "Model.py")
    (top / "Model.py").write_text("changed  \n")
    (top / "lib" / "new file.py").write_text("new\n")
    (top / "src" / "run.py").unlink()
    wanted_state, wanted = capture(str(top)), take(capture(str(top)))
    assert wanted is not None
    name, _, value = setting.partition("=")
    git(top, "config", name, value)

    state, kept = capture(str(top)), take(capture(str(top)))

    assert kept is not None
    assert (state.changes, state.untracked) == (wanted_state.changes, wanted_state.untracked)
    assert (kept.sha, kept.patches, kept.left_out) == (wanted.sha, wanted.patches, wanted.left_out)
    assert git(top, "config", name).strip() == value


@pytest.mark.parametrize("patterns", [["--cone", "src"], ["--no-cone", "/src/", "!/lib/"]])
def test_the_code_of_a_sparse_checkout_is_whole(
    patterns: list[str], top: Path, tmp_path: Path
) -> None:
    mode, *names = patterns
    done = subprocess.run(
        ["git", "-C", str(top), "sparse-checkout", "set", mode, *names], check=False
    )
    if done.returncode:
        pytest.skip("this git knows no such sparse checkout")
    (top / "probe").mkdir()
    (top / "probe" / "x.py").write_text("x\n")
    assert not (top / "lib" / "old.py").exists()

    found = checked_out(top, tmp_path / "copy")

    assert {"probe/x.py", "src/run.py", "lib/old.py", "model.py"} <= set(found)
    assert not (top / "lib" / "old.py").exists()
    assert git(tmp_path / "copy", "status", "--porcelain").strip() == ""
