"""`meticulous rerun`: a recorded command once more, with the code as it was, and a verdict."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from meticulous.errors import UsageError
from meticulous.reproduce.command_edit import check_unmasked, overridden
from meticulous.reproduce.set_argument import Known, with_value
from tests.conftest import git, meticulous, only_run, runs_of

TRAIN = """
import argparse, os, sys
import meticulous
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--batch-size", type=int, default=8)
parser.add_argument("--data")
parser.add_argument("--fail", action="store_true")
arguments = parser.parse_args()
data = float(open(arguments.data).read()) if arguments.data else 1.0
print("lr", arguments.lr, "in", os.getcwd())
meticulous.summary({"loss": arguments.lr * data})
with meticulous.open("model.txt", "w") as file:
    file.write(str(arguments.lr))
open("left.txt", "w").write("x")
sys.exit(3 if arguments.fail else 0)
"""


@pytest.fixture
def project(repository: Path) -> Path:
    (repository / "train.py").write_text(TRAIN)
    (repository / ".gitignore").write_text("*.csv\nleft.txt\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "train")
    return repository


def run(project: Path, *words: str, options: tuple[str, ...] = ()) -> None:
    done = meticulous("run", *options, "--", sys.executable, "train.py", *words, cwd=project)
    assert done.returncode in (0, 3), done.stderr


def rerun(project: Path, *words: str, **options: object) -> tuple[int, str, str]:
    done = meticulous("rerun", *words, cwd=project, **options)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def worktrees(project: Path) -> int:
    return git(project, "worktree", "list", "--porcelain").count("worktree ")


def test_the_code_as_it_was_gives_the_same(project: Path) -> None:
    run(project, "--lr", "0.5")
    (project / "train.py").write_text("print('another program')\n")
    before = git(project, "status", "--porcelain"), git(project, "rev-parse", "HEAD")

    code, told, said = rerun(project, "1")

    assert code == 0, told + said
    assert "identical: run 2 compared with run 1" in told
    assert "left in the work tree and removed with it: left.txt" in said
    first, second = runs_of(project)
    metadata = second.read_metadata()
    assert metadata["rerun-of"] == "1"
    for key in ("githead-sha", "githead-message", "branch", "dirty", "project", "cwd", "command"):
        assert metadata[key] == first.read_metadata()[key], key
    assert worktrees(project) == 1
    assert before == (git(project, "status", "--porcelain"), git(project, "rev-parse", "HEAD"))


def test_a_snapshot_is_repeated_and_recorded_as_one(project: Path) -> None:
    (project / "train.py").write_text(TRAIN.replace("arguments.lr * data", "7 * data"))
    (project / "new.txt").write_text("new\n")
    run(project, options=("--dirty", "snapshot"))
    git(project, "checkout", "-q", "--", ".")
    (project / "new.txt").unlink()

    code, told, said = rerun(project, "last")

    assert code == 0, told + said
    first, second = runs_of(project)
    assert second.read_json("summary.json") == {"loss": 7.0}
    for key in ("githead-sha", "snapshot-sha", "dirty"):
        assert second.read_metadata()[key] == first.read_metadata()[key]
    patches = [Path(one.file("uncommitted.patch")).read_bytes() for one in (first, second)]
    assert patches[0] == patches[1] != b""
    # The rerun is as good a source as the first run.
    assert rerun(project, "2")[0] == 0


def test_a_changed_argument_is_another_result(project: Path) -> None:
    run(project, "--lr=0.5")

    code, told, said = rerun(project, "1", "--set", "lr=0.25", "--", "--batch-size", "4")

    assert code == 1, said
    assert "summary loss" in told
    assert "0.5 → 0.25" in told
    assert "argument lr" in told
    assert runs_of(project)[1].read_metadata()["command"][2:] == ["--lr=0.25", "--batch-size", "4"]
    assert (
        rerun(project, "1", "--set", "lr=0.5000001", "--rtol", "1e-3", "--ignore", "*.txt")[0] == 0
    )


def test_a_run_that_failed_fails_again_and_that_is_the_same(project: Path) -> None:
    run(project, "--fail")

    code, told, _ = rerun(project, "1")

    assert code == 0
    assert "identical" in told


def test_data_that_git_does_not_know_is_linked(project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "x.csv").write_text("3")
    os.utime(project / "data" / "x.csv", (1e9, 1e9))
    run(project, "--data", "data/x.csv")

    code, told, said = rerun(project, "1")

    assert code == 0, told + said
    assert "linked from your project: data/x.csv" in said
    assert (project / "data" / "x.csv").read_text() == "3"


@pytest.mark.parametrize(
    ("ignored", "read", "named"),
    [
        ("data/", "open('data/x.csv').read()", "data"),
        ("*.csv", "open('lib/x.csv').read()", "lib/x.csv"),
        ("data/", "open('data/deep/x.csv').read()", "data"),
    ],
)
def test_data_at_a_fixed_path_is_hinted_at_and_a_rerun_of_the_rerun_has_it(
    project: Path, ignored: str, read: str, named: str
) -> None:
    told = "except OSError as error: raise SystemExit(str(error))"
    (project / "read.py").write_text(f"import os\ntry: print({read})\n{told}\n")
    (project / ".gitignore").write_text(f"{ignored}\n")
    (project / "lib").mkdir()
    (project / "lib" / "code.py").write_text("")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "read")
    for name in ("data/x.csv", "data/deep/x.csv", "lib/x.csv"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("3")
    meticulous("run", "-q", "--", sys.executable, "read.py", cwd=project)

    code, _, said = rerun(project, "1")

    assert code == 1
    assert f"the run asked for {named}, which your project has and git does not know" in said
    assert said.rstrip().endswith(f"--link {named}")
    assert 0 == rerun(project, "1", "--link", named)[0]
    code, told, said = rerun(project, "3")
    assert code == 0, told + said
    assert "identical: run 4 compared with run 3" in told
    assert "not part of the recorded commit" not in said
    assert [named] == runs_of(project)[-1].read_metadata()["linked"]


def test_ignored_data_that_a_run_silently_does_without_is_hinted_at(project: Path) -> None:
    (project / "read.py").write_text("import glob; print(sorted(glob.glob('data/*')))\n")
    (project / ".gitignore").write_text("data/\n__pycache__/\n.venv/\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "read")
    for name in ("data/x.csv", "__pycache__/x.pyc", ".venv/x"):
        (project / name).parent.mkdir()
        (project / name).write_text("3")
    meticulous("run", "-q", "--", sys.executable, "read.py", cwd=project)

    code, _, said = rerun(project, "1")

    assert code == 1
    assert "git ignores data in your project, so the run did not have it" in said
    assert said.rstrip().endswith("If it read that: --link data")


OWN_VARIABLES = """
import os
os.environ["OMP_NUM_THREADS"] = "3"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import meticulous
with meticulous.Experiment({"k": 2}):
    print(os.environ["OMP_NUM_THREADS"])
"""


def test_a_variable_that_the_program_sets_itself_is_not_said_to_differ(project: Path) -> None:
    (project / "own.py").write_text(OWN_VARIABLES)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "own")
    given = {"CUDA_VISIBLE_DEVICES": "0", "MKL_NUM_THREADS": "2"}
    environ = {**os.environ, **given}
    subprocess.run([sys.executable, "own.py"], cwd=project, check=True, env=environ)
    environment = only_run(project).read_json("environment.json")
    assert "OMP_NUM_THREADS" in environment["variables-of-program"]
    assert not {*given} & {*environment["variables-of-program"]}

    code, told, said = rerun(project, "1")

    assert code == 0, told + said
    assert "OMP_NUM_THREADS" not in said + told
    assert "MKL_NUM_THREADS" in said  # set by the shell, and gone now


def test_a_folder_that_has_changed_since_is_named(project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "x.csv").write_text("3")
    os.utime(project / "data" / "x.csv", (1e9, 1e9))
    code = "import os, sys; print(os.path.isdir(sys.argv[1]) and os.listdir(sys.argv[1]))"
    meticulous("run", "--", sys.executable, "-c", code, "data", cwd=project)
    (project / "data" / "y.csv").write_text("4")

    _, _, said = rerun(project, "1")
    _, told, linked = rerun(project, "1", "--link", "data")

    assert "data is not linked: it holds what is newer than run 1" in said
    assert "If the run read it: --link data\n" in said
    assert "is not linked" not in linked
    assert "y.csv" in told


def test_in_a_directory_of_the_project(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "here.py").write_text("import os; print(os.path.basename(os.getcwd()))\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "sub")
    meticulous("run", "--", sys.executable, "here.py", cwd=project / "sub")

    assert rerun(project, "1")[0] == 0
    assert runs_of(project)[1].read_metadata()["cwd"] == "sub"


def test_a_program_of_the_project_that_git_does_not_know(project: Path) -> None:
    (project / ".gitignore").write_text("tool\n*.csv\nleft.txt\n")
    git(project, "commit", "-q", "-a", "-m", "ignored")
    (project / "tool").mkdir()
    program = project / "tool" / "go"
    program.write_text("#!/bin/sh\necho gone $1\n")
    program.chmod(0o755)
    meticulous("run", "--", "tool/go", "x", cwd=project)

    code, told, said = rerun(project, "1")

    assert code == 0, told + said


def test_here_is_the_present_tree(project: Path) -> None:
    run(project)
    (project / "train.py").write_text("print('now')\n")
    git(project, "commit", "-q", "-a", "-m", "now")

    code, told, _ = rerun(project, "1", "--here")

    assert code == 1
    assert "commit" in told
    assert Path(runs_of(project)[1].file("stdout")).read_text() == "now\n"
    assert runs_of(project)[1].read_metadata()["rerun-of"] == "1"
    (project / "train.py").write_text("print('dirty')\n")
    assert rerun(project, "1", "--here")[0] == 2
    assert rerun(project, "1", "--here", "--dirty", "ignore")[0] == 1


def test_the_work_tree_can_be_kept(project: Path) -> None:
    run(project)

    code, _, said = rerun(project, "1", "--keep")

    assert code == 0
    assert worktrees(project) == 2
    listed = git(project, "worktree", "list", "--porcelain").split("worktree ")
    place = Path(next(one for one in listed if "meticulous-rerun-" in one).split("\nHEAD")[0])
    assert "the work tree is kept" in said
    assert (place / "left.txt").exists()
    shutil.rmtree(place.parent)


def test_a_folder_of_the_original_system(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    kept = {key: metadata[key] for key in ("githead-sha", "timestamp")}
    old = {**kept, "command": "train.py --lr 0.1"}
    only_run(project).write_json("metadata.json", old)

    code, told, said = rerun(project, "1")

    assert code == 0, told + said
    assert runs_of(project)[1].read_status()[0] == "SUCCESS"


@pytest.mark.parametrize("is_typed", [True, False], ids=["ctrl-c", "sigterm"])
def test_an_interruption_ends_it_and_leaves_no_work_tree(project: Path, is_typed: bool) -> None:
    (project / "wait.py").write_text(
        "import sys, time; print('begun', flush=True); time.sleep(60)\n"
    )
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "wait")
    meticulous("run", "--timeout", "1s", "--", sys.executable, "wait.py", cwd=project)
    words = ["-m", "meticulous", "rerun", "1"]
    child = pexpect.spawn(sys.executable, words, cwd=str(project), timeout=60, echo=False)

    child.expect("begun")
    if is_typed:
        child.sendintr()
    else:
        child.kill(signal.SIGTERM)
    child.expect("run 2 compared with run 1")
    child.expect(pexpect.EOF)
    child.close()

    status, reason = runs_of(project)[1].read_status()
    assert status == "ERROR"
    assert ("SIGINT" in reason or "Interrupt" in reason) if is_typed else "SIGTERM" in reason
    assert child.exitstatus in (0, 1)
    assert worktrees(project) == 1


def test_a_script_that_records_itself(project: Path) -> None:
    (project / "own.py").write_text(
        "import meticulous\n"
        "with meticulous.Experiment({'k': 2}):\n"
        "    print('inside')\n"
        "    meticulous.summary({'x': 4})\n"
    )
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "own")
    subprocess.run([sys.executable, "own.py"], cwd=project, check=True, capture_output=True)
    assert only_run(project).read_metadata()["command"] == ["own.py"]

    code, told, said = rerun(project, "1")

    assert code == 0, told + said
    assert "identical: run 3 compared with run 1" in told
    _, outer, inner = runs_of(project)
    assert outer.read_metadata()["rerun-of"] == "1"
    assert inner.read_metadata()["rerun-of"] == "1"
    assert inner.read_json("summary.json") == {"x": 4}
    assert "although there differs" not in told  # neither the commit nor our part of PYTHONPATH


def test_a_script_that_keeps_its_changes_itself_has_the_same_code_again(project: Path) -> None:
    script = (
        "from meticulous import Experiment\nwith Experiment({}, dirty='snapshot'): print('x')\n"
    )
    (project / "own.py").write_text(script)
    subprocess.run([sys.executable, "own.py"], cwd=project, check=True, capture_output=True)

    _, told, _ = rerun(project, "1")

    assert told == "x\nidentical: run 3 compared with run 1\n"


def dirty(project: Path) -> None:
    (project / "train.py").write_text(TRAIN + "# changed\n")
    run(project, options=("--dirty", "ignore"))


def masked(project: Path) -> None:
    meticulous(
        "run", "--", sys.executable, "-c", "pass", "--api-key", "sk-verysecret123", cwd=project
    )


def commit_gone(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    only_run(project).write_json("metadata.json", {**metadata, "githead-sha": "1" * 40})


def running(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    started = int(start) / os.sysconf("SC_CLK_TCK")
    changed = {**metadata, "pid": os.getpid(), "pid-start-time": started}
    only_run(project).write_json("metadata.json", changed)
    only_run(project).write_status("RUNNING")


def interactive(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    del metadata["child-pid"]
    only_run(project).write_json("metadata.json", {**metadata, "command": ["-c", "x"]})


def no_command(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    only_run(project).write_json("metadata.json", {**metadata, "command": []})


@pytest.mark.parametrize(
    ("prepare", "words", "told"),
    [
        (dirty, (), "uncommitted changes that were not kept"),
        (masked, (), "a secret that was not kept: --api-key ***"),
        (commit_gone, (), "1111111111111111"),
        (running, (), "run 1 is running"),
        (interactive, (), "'-c', which is no script"),
        (no_command, (), "no command recorded"),
        (run, ("--set", "lr"), "no NAME=VALUE"),
        (run, ("--set", "learning=1"), "no argument 'learning'"),
        (run, ("--set", "bach-size=1"), "Did you mean batch_size"),
        (run, ("--link", "nothing.csv"), "there is no nothing.csv"),
        (run, ("--dirty", "ignore"), "--dirty is for --here"),
        (run, ("--nonsense",), "nonsense"),
    ],
)
def test_what_cannot_be_repeated_says_so_and_leaves_nothing(
    project: Path, prepare: object, words: tuple[str, ...], told: str
) -> None:
    assert callable(prepare)
    prepare(project)

    code, _, said = rerun(project, "1", *words)

    assert code == 2, said
    assert told in said
    assert len(runs_of(project)) == 1
    assert worktrees(project) == 1


def test_ways_on_where_it_says_so(project: Path) -> None:
    dirty(project)
    assert rerun(project, "1", "--without-changes")[0] == 0
    git(project, "checkout", "-q", "--", ".")
    masked(project)
    assert rerun(project, "3", "--set", "api_key=sk-another")[0] in (0, 1)
    assert "sk-another" not in Path(runs_of(project)[-1].file("metadata.json")).read_text()


def test_the_command_is_gone(project: Path) -> None:
    run(project)
    metadata = only_run(project).read_metadata()
    only_run(project).write_json("metadata.json", {**metadata, "command": ["no-such-program"]})

    code, _, said = rerun(project, "1")

    assert code == 127
    assert "no-such-program" in said
    assert worktrees(project) == 1


def test_what_differs_now_is_said_before_the_start(project: Path) -> None:
    run(project)
    environment = only_run(project).read_json("environment.json")
    environment["packages"]["pytest"] = "0.1"
    environment["host"] = "elsewhere"
    environment.setdefault("variables", {})["OMP_NUM_THREADS"] = "77"
    only_run(project).write_json("environment.json", environment)

    code, told, said = rerun(project, "1")

    assert code == 0
    before = said.partition("run 2")[0]
    for words in (
        "not as it was:",
        "pytest",
        "0.1 →",
        "elsewhere →",
        "OMP_NUM_THREADS",
        "77 → none",
    ):
        assert words in before, said
    assert "although" in told


def test_nothing_is_said_to_differ_where_nothing_does(project: Path) -> None:
    run(project)

    assert "not as it was" not in rerun(project, "1")[2]


def test_a_package_that_is_installed_from_the_project_is_named(project: Path) -> None:
    place = project / "packages"
    info = place / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    told = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(told))
    run(project)

    _, _, said = rerun(project, "1", env={**os.environ, "PYTHONPATH": str(place)})

    assert "the package mine, installed in editable mode is that of your own tree" in said
    assert "of PYTHONPATH is that of your own tree" in said


PYTHON = ["python", "train.py"]


@pytest.mark.parametrize(
    ("words", "name", "value", "expected"),
    [
        (["--lr", "0.1"], "lr", "0.2", ["--lr", "0.2"]),
        (["--lr=0.1"], "lr", "0.2", ["--lr=0.2"]),
        (["lr=0.1"], "lr", "0.2", ["lr=0.2"]),
        (["+model.lr=0.1"], "model.lr", "0.2", ["+model.lr=0.2"]),
        (["-l", "0.1"], "l", "0.2", ["-l", "0.2"]),
        (["-j8"], "j", "4", ["-j4"]),
        (["--batch-size", "8", "--x"], "batch_size", "4", ["--batch-size", "4", "--x"]),
        (["--sizes", "1", "2", "--x"], "sizes", "3 4 5", ["--sizes", "3", "4", "5", "--x"]),
        (["--flag", "--x"], "flag", "false", ["--x"]),
        (["--flag"], "flag", "true", ["--flag"]),
        (["--lr", "1", "--lr", "2"], "lr", "3", ["--lr", "1", "--lr", "3"]),
        (["--lr", "1"], "depth", "2", ["--lr", "1", "--depth", "2"]),
        (["--lr=1"], "depth", "2", ["--lr=1", "--depth=2"]),
        (["lr=1"], "depth", "2", ["lr=1", "depth=2"]),
        (["--lr", "1", "--", "x"], "depth", "2", ["--lr", "1", "--depth", "2", "--", "x"]),
        (["in.csv"], "data", "other.csv", ["other.csv"]),
        (["--text", "a b"], "text", "c d", ["--text", "c d"]),
    ],
)
def test_an_argument_is_changed_in_the_form_that_it_had(
    words: list[str], name: str, value: str, expected: list[str]
) -> None:
    known = {"depth": 3, "data": "in.csv"}

    assert with_value([*PYTHON, *words], name, value, Known(known)) == [*PYTHON, *expected]


CODE = "--batch-size --no-shuffle --other_name"


@pytest.mark.parametrize(
    ("library", "words", "name", "value", "expected"),
    [
        ("argparse", ["-l", "0.1"], "lr", "0.2", ["-l", "0.2"]),
        ("argparse", ["--learn", "0.1", "-x"], "lr", "0.2", ["--learn", "0.2", "-x"]),
        ("argparse", ["-v", "a.csv"], "verbose", "false", ["a.csv"]),
        ("argparse", ["-v"], "verbose", "true", ["-v"]),
        ("argparse", [], "plot", "true", ["--plot"]),
        ("argparse", [], "plot", "false", []),
        ("argparse", ["--amp"], "amp", "false", ["--no-amp"]),
        ("argparse", ["--no-shuffle"], "shuffle", "true", ["--shuffle"]),
        ("argparse", ["--no-shuffle"], "shuffle", "false", ["--no-shuffle"]),
        ("argparse", [], "amp", "false", ["--no-amp"]),
        ("absl", [], "amp", "false", ["--noamp"]),
        ("jsonargparse", [], "plot", "true", ["--plot", "true"]),
        ("argparse", [], "batch_size", "8", ["--batch-size", "8"]),
        ("argparse", ["--a=1"], "batch-size", "8", ["--a=1", "--batch-size=8"]),
        ("argparse", [], "other-name", "8", ["--other_name", "8"]),
        ("argparse", [], "sizes", "3 4", ["--sizes", "3", "4"]),
        ("click", [], "sizes", "3 4", ["--sizes", "3", "--sizes", "4"]),
        ("tyro", [], "opt.weight_decay", "1", ["--opt.weight-decay", "1"]),
        ("hydra", [], "opt.weight_decay", "1", ["opt.weight_decay=1"]),
        ("sacred", [], "opt.weight_decay", "1", ["with", "opt.weight_decay=1"]),
        ("click", ["fit", "--k", "1"], "k", "2", ["fit", "--k", "2"]),
        ("click", ["fit", "x"], "k", "2", ["fit", "x", "-k", "2"]),
        ("click", ["fit", "x"], "fit.k", "2", ["fit", "x", "-k", "2"]),
        ("click", ["fit", "in.csv"], "data", "b.csv", ["fit", "b.csv"]),
    ],
)
def test_an_argument_is_spelled_as_its_parser_and_the_code_do(
    library: str, words: list[str], name: str, value: str, expected: list[str]
) -> None:
    defaults = {
        "lr": 0.3, "verbose": False, "plot": False, "amp": True, "shuffle": True, "batch_size": 4,
        "other_name": 1, "sizes": [1, 2], "opt.weight_decay": 0, "fit.k": 0, "fit.data": "z",
    }  # fmt: skip
    values = {**defaults, "lr": 0.1, "verbose": True, "shuffle": False, "fit.data": "in.csv"}
    known = Known(values, defaults, ("lr", "verbose"), library, lambda one: one in CODE.split())

    assert with_value([*PYTHON, *words], name, value, known) == [*PYTHON, *expected]


POSITIONALS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("sizes", nargs="*", type=int)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--tag")
print(parser.parse_args())
"""


@pytest.mark.parametrize(
    ("words", "change", "expected"),
    [
        (["1", "1", "2"], "model=vgg", ["vgg", "1", "2"]),
        (["1", "1", "2"], "sizes=3 4", ["1", "3", "4"]),
        (["m", "1", "2", "--lr", "1"], "sizes=", ["m", "--lr", "1"]),
        (["--lr", "1", "m", "1"], "sizes=7", ["--lr", "1", "m", "7"]),
        (["m", "--tag", "m"], "model=n", ["n", "--tag", "m"]),
        (["m", "--lr", "1"], "sizes=3 4", ["m", "3", "4", "--lr", "1"]),
    ],
)
def test_positionals_are_set_by_their_names(
    project: Path, words: list[str], change: str, expected: list[str]
) -> None:
    (project / "train.py").write_text(POSITIONALS)
    git(project, "commit", "-q", "-a", "-m", "positionals")
    run(project, *words)

    rerun(project, "1", "--set", change)

    again = runs_of(project)[1].read_metadata()
    assert expected == again["command"][2:]
    assert 0 == again["exit-code"]


ARGPARSE = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", "-b", type=int, default=4)
parser.add_argument("--weight-decay", type=float, default=0)
parser.add_argument("-v", "--verbose", action="store_true")
parser.add_argument("--api-key")
print(parser.parse_args())
"""


def test_arguments_that_a_program_has_parsed_are_set_as_it_takes_them(project: Path) -> None:
    (project / "train.py").write_text(ARGPARSE)
    git(project, "commit", "-q", "-a", "-m", "argparse")
    run(project, "-b", "8", "-v")
    options = ["batch_size=2", "weight_decay=0.5", "verbose=false", "api_key=hush-hush-hush"]

    _, _, said = rerun(project, "1", *(word for one in options for word in ("--set", one)))

    assert "train.py -b 2 --weight-decay 0.5 --api-key '***'" in said
    told = json.loads((project / "experiments" / "2" / "args.json").read_text())
    expected = {"batch_size": 2, "weight_decay": 0.5, "verbose": False, "api_key": "***"}
    assert told == expected


def test_a_name_that_nothing_has_is_refused_with_the_near_ones() -> None:
    with pytest.raises(UsageError, match="Did you mean depth"):
        with_value([*PYTHON, "--lr", "1"], "dept", "2", Known({"depth": 3}))


@pytest.mark.parametrize(
    ("words", "extra", "expected"),
    [
        (["--lr", "1", "x"], ["--lr", "2"], ["--lr", "2", "x"]),
        (["--lr=1"], ["--lr", "2"], ["--lr", "2"]),
        (["--lr", "1"], ["--new", "2", "pos"], ["--lr", "1", "--new", "2", "pos"]),
        (["a=1", "b=2"], ["a=3"], ["a=3", "b=2"]),
        (["--t", "a", "--t", "b", "z"], ["--t", "c"], ["--t", "c", "z"]),
        (["--t", "a"], ["--t", "c", "--t", "d"], ["--t", "c", "--t", "d"]),
        (["--a", "1", "--", "p"], ["--b", "2"], ["--a", "1", "--b", "2", "--", "p"]),
        (["-v"], [], ["-v"]),
        (["--flag", "in.csv"], ["--flag"], ["--flag", "in.csv"]),
    ],
)
def test_words_behind_the_dashes_override_or_are_added(
    words: list[str], extra: list[str], expected: list[str]
) -> None:
    assert overridden([*PYTHON, *words], extra, {"t": "b", "flag": True}) == [*PYTHON, *expected]


def test_a_masked_word_is_found() -> None:
    check_unmasked(["python", "x.py", "--key", "abc"])
    with pytest.raises(UsageError, match="not kept: --key=\\*\\*\\*"):
        check_unmasked(["python", "x.py", "--key=***"])


def test_an_option_of_the_program_stands_before_the_subcommand() -> None:
    values = {"lr": 0.1, "command": "train", "train.epochs": 3}
    known = Known(values, {"lr": 0.1, "train.epochs": 1}, (), "argparse")
    words = [*PYTHON, "train", "--epochs", "3"]

    assert with_value(words, "lr", "0.5", known) == [*PYTHON, "--lr", "0.5", *words[len(PYTHON) :]]
