"""`meticulous sweep` as it is typed: what it starts, what it refuses, how it goes on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pyte
import pytest

from tests.conftest import DEADLINE_S, git, meticulous, runs_of, wait_until
from tests.launch_support import METICULOUS, Terminal
from tests.sweep.support import (
    arguments,
    folder_of,
    program,
    runs_by_point,
    state_of,
    statuses,
    sweep,
    train,
)


@pytest.fixture
def project(repository: Path) -> Path:
    return program(repository)


def test_each_point_of_the_product_is_one_run(project: Path) -> None:
    done = sweep(project, "lr=0.1,0.01", "seed=0..2", "-j", "2", *train())

    assert 0 == done.returncode, done.stderr
    told = arguments(project)
    assert {(lr, seed) for lr in (0.1, 0.01) for seed in (0, 1, 2)} == {
        (one["lr"], one["seed"]) for one in told
    }
    assert 6 == len(told)
    assert {"SUCCESS": 6} == dict(statuses(project))
    metadata = runs_of(project)[0].read_metadata()
    assert 1 == metadata["sweep"]["id"]
    assert metadata["githead-sha"] == git(project, "rev-parse", "HEAD").strip()
    assert "." == metadata["cwd"]
    assert not metadata["dirty"]
    assert "" == git(project, "status", "--porcelain")
    assert [] == list((project / ".git").glob("worktrees/*"))


def test_the_number_and_the_first_commands_are_shown_before_anything_starts(project: Path) -> None:
    done = sweep(
        project, "lr=0.1,0.01", "seed=0..2", "--exclude", "lr == 0.1 and seed == 1", *train()
    )

    lines = done.stderr.decode().splitlines()
    assert "meticulous: 5 points" == lines[0]
    assert [" --lr 0.1 --seed 0", " --lr 0.1 --seed 2", " --lr 0.01 --seed 0"] == [
        line.partition("train.py")[2] for line in lines[1:4]
    ]
    assert "  … and 2 more" == lines[4]


def test_a_dry_run_prints_the_commands_and_makes_nothing(project: Path) -> None:
    done = sweep(project, "lr=0.1,2", "env:A=x y", "fast=true,false", "-n", *train())

    python = sys.executable
    assert [
        f"env 'A=x y' {python} train.py --lr {lr}{fast}"
        for lr in ("0.1", "2")
        for fast in (" --fast", "")
    ] == done.stdout.decode().splitlines()
    assert not (project / "sweeps").exists()
    assert not (project / "experiments").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["lr=1", "--", "python", "train.py", "{lrr}"], "Did you mean {lr}?"),
        (["lr=", *train()], "has no values"),
        (["a=1..1000", "b=1..1000", "c=1..1000", *train()], "1,000,000,000 points"),
        (["a=1..10001", *train()], "Say --yes"),
        (["@none.csv", *train()], "cannot read the table none.csv"),
        (["lr=1", "--only", "lr > 1", *train()], "no point is left"),
        (["lr=1", "--only", "lrr > 1", *train()], "no column"),
        (["lr=1"], "no command"),
        (train(), "no values"),
        (["lr", *train()], "cannot understand 'lr'"),
        (["lr=1", "--sampel", "1", *train()], "unrecognized arguments"),
        (["lr=1", "--", "nothing-of-this-name"], "nothing-of-this-name"),
        (["fast=true,maybe", "--", "python", "train.py", "--fast={fst}"], "{fst}"),
        (["token=hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", *train()], "has a secret"),
        (["lr=1", "--slurm", "--dask", "x", *train()], "exclude each other"),
        (["lr=1", "--trials", "3", *train()], "for a search"),
        (["lr=1", "--cpus-per-run", "9999", *train()], "more processors"),
        (["nothing.yaml"], "cannot read nothing.yaml"),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_made(project: Path, words, what: str) -> None:
    done = sweep(project, *words)

    assert what in done.stderr.decode()
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert not runs_of(project)
    assert not (project / "sweeps").exists()


def test_ten_thousand_and_more_need_a_yes(project: Path) -> None:
    done = sweep(project, "a=1..10001", *train())

    assert b"10,001 points are many" in done.stderr
    assert 2 == done.returncode
    assert not (project / "sweeps").exists()


def test_values_reach_the_program_as_they_were_typed(project: Path) -> None:
    program(project, "import sys, os\nprint(sys.argv[1:], os.environ.get('N'))\n")
    words = [
        "a='x,y',\"it's\",0.10",
        "env:N=1",
        "--",
        sys.executable,
        "train.py",
        "{a}",
        "{{a}}",
        "{}",
    ]

    assert 0 == sweep(project, *words).returncode
    printed = {Path(run.file("stdout")).read_text() for run in runs_of(project)}
    assert {f"{[a, '{a}', '{}']} 1\n" for a in ("x,y", "it's", "0.10")} == printed


def test_a_file_with_comments_says_the_same(project: Path) -> None:
    (project / "sweep.yaml").write_text(
        f"command: ['{sys.executable}', train.py]\n"
        "parameters:  # what is tried\n  lr: [0.1, 0.01]\n  seed: 0..9\n"
        "only: seed < 2\ntag: tried\n"
    )
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "sweep")

    assert 0 == sweep(project, "sweep.yaml", "lr=0.5").returncode
    assert [(0.5, 0), (0.5, 1)] == sorted((one["lr"], one["seed"]) for one in arguments(project))
    assert ["tried"] == runs_of(project)[0].read_metadata()["tags"]


def test_an_option_that_a_file_misspells_is_named(project: Path) -> None:
    (project / "sweep.yaml").write_text("command: true\nparameters: {a: [1]}\nsampel: 3\n")

    done = sweep(project, "sweep.yaml")

    assert b"Did you mean sample?" in done.stderr


def test_the_code_is_that_of_the_start(project: Path) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=1..3", *train("--wait", str(flag))]
    (project / "data").mkdir()
    (project / "data" / "x").write_text("x")
    with subprocess.Popen(line, cwd=project, stderr=subprocess.DEVNULL) as started:
        wait_until(lambda: Path(f"{flag}.1").exists())
        program(project, "raise SystemExit('the code of later')\n")
        Path(f"{flag}.go").touch()
        assert 0 == started.wait(DEADLINE_S)

    shas = {run.read_metadata()["githead-sha"] for run in runs_of(project)}
    assert {git(project, "rev-parse", "HEAD~1").strip()} == shas
    assert {"SUCCESS": 3} == dict(statuses(project))


def test_uncommitted_changes_are_refused_or_kept(project: Path) -> None:
    (project / "train.py").write_text("print('changed')\n")

    refused = sweep(project, "a=1", "--", sys.executable, "train.py", "{a}")
    kept = sweep(project, "a=1", "--dirty", "snapshot", "--", sys.executable, "train.py", "{a}")

    assert b"uncommitted changes" in refused.stderr
    assert not (project / "sweeps" / "2").exists()
    assert 0 == kept.returncode, kept.stderr
    (run,) = runs_of(project)
    assert b"changed\n" == Path(run.file("stdout")).read_bytes()
    assert run.read_metadata()["snapshot-sha"]
    assert "changed" in Path(run.file("uncommitted.patch")).read_text()


def test_data_that_git_does_not_know_are_there(project: Path) -> None:
    (project / ".gitignore").write_text("data/\n")
    git(project, "add", "-A")
    program(project, "print(open('data/x').read() + open('new.txt').read())\n")
    (project / "data").mkdir()
    (project / "data" / "x").write_text("x")
    (project / "new.txt").write_text("y")

    done = sweep(project, "a=1", "--", sys.executable, "train.py", "{a}")

    assert 0 == done.returncode
    assert b"xy\n" == Path(runs_of(project)[0].file("stdout")).read_bytes()
    assert "x" == (project / "data" / "x").read_text()
    assert b"have left files" not in done.stderr, "they were there before"
    assert not (project / "sweeps" / "1" / "code").exists()


def test_files_that_programs_leave_in_the_tree_are_kept(project: Path) -> None:
    program(project, "import sys\nopen('model.' + sys.argv[1], 'a').close()\n")
    (project / "new.txt").write_text("y")

    done = sweep(project, "a=1,2", "--", sys.executable, "train.py", "{a}")

    assert b"have left files in" in done.stderr
    assert b"new.txt" not in done.stderr
    left = list((project / "sweeps" / "1" / "code").rglob("model.*"))
    assert {"model.1", "model.2"} == {path.name for path in left}


def test_here_runs_in_the_present_tree(project: Path) -> None:
    program(project, "import os\nprint(os.getcwd())\n")

    assert 0 == sweep(project, "a=1", "--here", "--", sys.executable, "train.py", "{a}").returncode
    assert f"{project}\n" == Path(runs_of(project)[0].file("stdout")).read_text()


def test_a_usage_error_is_shown_once_and_ends_the_sweep(project: Path) -> None:
    done = sweep(project, "lr=x,y,z", "seed=0..99", *train())

    text = done.stderr.decode()
    assert 1 == done.returncode
    assert {"ERROR": 10} == dict(statuses(project))
    assert "the first 10 points have failed alike" in text
    assert 1 == text.count("meticulous: failed:")


def test_fail_fast_starts_no_more_points(project: Path) -> None:
    done = sweep(project, "seed=12..20", "--fail-fast", *train())

    assert 1 == done.returncode
    assert {"SUCCESS": 1, "ERROR": 1} == dict(statuses(project))


def test_resume_runs_what_failed_in_its_folder_and_nothing_twice(project: Path) -> None:
    assert 1 == sweep(project, "seed=12..14", *train()).returncode
    assert {"SUCCESS": 2, "ERROR": 1} == dict(statuses(project))

    assert 1 == sweep(project, "resume", "1").returncode

    assert 3 == len(runs_of(project))
    (failed,) = [run for run in runs_of(project) if run.read_status()[0] == "ERROR"]
    assert 1 == len(failed.read_metadata()["attempts"])
    others = [run for run in runs_of(project) if run.read_status()[0] == "SUCCESS"]
    assert [[], []] == [run.read_metadata()["attempts"] for run in others]


def test_retry_runs_only_what_failed(project: Path) -> None:
    sweep(project, "seed=13,14", "--fail-fast", *train())
    assert {"ERROR": 1} == dict(statuses(project))

    sweep(project, "retry", "1", "--message", "nothing of this kind")
    assert 1 == state_of(project).claimed.popitem()[1]
    sweep(project, "retry", "1", "--message", "bad luck")

    assert {"ERROR": 1} == dict(statuses(project))
    assert [2] == list(state_of(project).claimed.values())


def test_two_resumes_at_once_run_each_point_once(project: Path) -> None:
    text = "import sys, os\nsys.exit(os.path.exists(sys.argv[1] + '.no'))\n"
    program(project, text)
    flag = project.parent / "flag"
    Path(f"{flag}.no").touch()
    sweep(project, "seed=1..9", "-j", "2", "--", sys.executable, "train.py", str(flag), "{seed}")
    assert {"ERROR": 9} == dict(statuses(project))
    Path(f"{flag}.no").unlink()

    both = [threading.Thread(target=sweep, args=(project, "resume", "1", "-j", "2")) for _ in "12"]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert {"SUCCESS": 9} == dict(statuses(project))
    assert {2} == set(state_of(project).claimed.values())
    assert [1] * 9 == [len(run.read_metadata()["attempts"]) for run in runs_of(project)]


def test_points_can_be_added(project: Path) -> None:
    sweep(project, "lr=0.1,0.2", "seed=0,1", *train())

    done = sweep(project, "add", "1", "lr=0.2,0.3")
    assert b"2 new points; 6 in all" in done.stderr
    assert 0 == sweep(project, "resume", "1").returncode

    assert {"SUCCESS": 6} == dict(statuses(project))
    found = {(one["lr"], one["seed"]) for one in arguments(project)}
    assert {(lr, seed) for lr in (0.1, 0.2, 0.3) for seed in (0, 1)} == found
    assert b"other names" in sweep(project, "add", "1", "lrr=1").stderr
    assert b"nothing to add" in sweep(project, "add", "1").stderr


def test_a_sweep_that_is_stopped_starts_no_more_points(project: Path) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=1..5", *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.1").exists())
        sweep(project, "stop", "1")
        Path(f"{flag}.go").touch()
        _, said = started.communicate(timeout=DEADLINE_S)

    assert b"was stopped: stopped by `meticulous sweep stop`" in said
    assert {"SUCCESS": 1} == dict(statuses(project))
    assert 0 == sweep(project, "resume", "1").returncode
    assert {"SUCCESS": 5} == dict(statuses(project))


def test_stop_now_ends_the_running_points_and_gives_them_back(project: Path) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=1..5", *train("--wait", str(flag))]
    with subprocess.Popen(line, cwd=project, stderr=subprocess.PIPE) as started:
        wait_until(lambda: Path(f"{flag}.1").exists())
        sweep(project, "stop", "1", "--now")
        started.communicate(timeout=DEADLINE_S)

    assert {"STOPPED": 1} == dict(statuses(project))
    Path(f"{flag}.go").touch()
    assert 0 == sweep(project, "resume", "1").returncode
    assert {"SUCCESS": 5} == dict(statuses(project))
    assert 5 == len(runs_of(project))


def test_show_and_ls_tell_how_it_is(project: Path) -> None:
    sweep(project, "lr=0.1,0.01", "seed=12..13", "--minimize", "summary_loss", *train())

    shown = sweep(project, "show", "1").stdout.decode()
    assert "2 of 4 done, 2 failed" in shown
    assert shown.index("lr=0.01 seed=12") < shown.index("lr=0.1 seed=12")
    assert "2 × ValueError: bad luck with" in shown
    told = json.loads(sweep(project, "show", "last", "--json").stdout)
    assert (2, 2, 4) == (told["done"], told["failed"], told["points"])
    assert {"SUCCESS", "ERROR"} == {one["status"] for one in told["each"]}
    assert "2 of 4 done" in sweep(project, "ls").stdout.decode()
    assert "●" in sweep(project, "show", "1", "--plot").stdout.decode()
    listed = meticulous("ls", "--sweep", "1", "--columns", "expid", cwd=project).stdout.split()
    assert 4 == len(listed) - 1
    assert b"expid\n" == meticulous("ls", "--sweep", "2", "--columns", "expid", cwd=project).stdout


def test_a_script_that_records_itself_has_the_objective_within(project: Path) -> None:
    program(
        project,
        "import sys\nfrom meticulous import Experiment\n"
        "with Experiment({'lr': 1}) as one: one.summary({'loss': float(sys.argv[1])})\n",
    )
    line = ["--", sys.executable, "train.py", "{a}"]

    assert 0 == sweep(project, "a=3,2", "--minimize", "summary_loss", *line).returncode

    shown = sweep(project, "show", "1").stdout.decode()
    assert shown.index("a=2") < shown.index("a=3", shown.index("the best first"))


def test_a_column_that_no_run_has_is_named(project: Path) -> None:
    done = sweep(project, "seed=1,2", "--maximize", "summary_acc", *train())

    assert b"no run has a number summary_acc: run 1 has summary_loss" in done.stderr


def test_the_names_of_other_forms(project: Path) -> None:
    program(
        project,
        "import click\n@click.command()\n@click.option('--batch-size')\ndef main(batch_size): pass\nmain()\n",
    )
    dashed = sweep(project, "batch_size=1", "-n", "--", "python", "train.py")
    pairs = sweep(project, "lr=1", "-n", "--", "python", "train.py", "model=big")
    joined = sweep(project, "lr=1", "-n", "--", "python", "train.py", "--epochs=3")
    replaced = sweep(project, "lr=1", "-n", "--", "python", "train.py", "--lr", "0.5")

    assert b"python train.py --batch-size 1\n" == dashed.stdout
    assert b"python train.py model=big lr=1\n" == pairs.stdout
    assert b"python train.py --epochs=3 --lr=1\n" == joined.stdout
    assert b"python train.py --lr 1\n" == replaced.stdout


def test_hydra_is_known_by_its_script_where_runs_do_not_tell(project: Path) -> None:
    text = "from meticulous import Experiment\nwith Experiment({'lr': 1}): pass\n"
    program(project, text)
    subprocess.run([sys.executable, "train.py"], cwd=project, check=True)
    program(project, f"import hydra\n{text}")

    done = sweep(project, "lr=0.5", "-n", "--", sys.executable, "train.py")

    assert done.stdout.endswith(b" train.py lr=0.5\n")


def test_each_run_at_once_has_a_gpu_of_its_own(project: Path) -> None:
    program(
        project, "import os, time\nprint(os.environ['CUDA_VISIBLE_DEVICES'])\ntime.sleep(0.2)\n"
    )

    sweep(project, "a=1..6", "--gpus", "3,5", "--", sys.executable, "train.py", "{a}")

    printed = [Path(run.file("stdout")).read_text() for run in runs_of(project)]
    assert {"3\n", "5\n"} == set(printed)
    assert 2 == len(list((project / "sweeps" / "1" / "workers").iterdir()))


def test_repeating_retries_and_timeouts_are_for_each_point(project: Path) -> None:
    program(project, "import sys, time\ntime.sleep(60 if '1' in sys.argv else 0)\nsys.exit('no')\n")
    line = [
        "--repeat",
        "2",
        "--retries",
        "1",
        "--timeout",
        "500ms",
        "--",
        sys.executable,
        "train.py",
    ]

    sweep(project, "a=x", *line, "{a}", "{seed}")

    first, second = runs_of(project)
    assert ["exit code 1: no", 1] == [
        first.read_status()[1],
        len(first.read_metadata()["attempts"]),
    ]
    assert "timeout" in second.read_status()[1]


def test_what_each_run_prints_becomes_metrics_and_the_objective(project: Path) -> None:
    text = "import sys\nfor step in range(3):\n    print(f'loss={float(sys.argv[1]) - step}')\n"
    program(project, text)
    (project / "meticulous.yaml").write_text("collect: false\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "settings")
    options = ["--metrics", "pairs", "--no-sync", "--minimize", "metrics_loss_min"]

    done = sweep(project, "x=5,3", *options, "--", sys.executable, "train.py", "{x}")

    assert 0 == done.returncode, done.stderr
    found = map(state_of(project).outcome, state_of(project).claimed)
    assert [1.0, 3.0] == sorted(one.value for one in found if one and one.value is not None)
    kept = {"metrics": ["pairs"], "no_sync": True, "no_collect": True}
    assert kept == folder_of(project).specification["settings"]


def test_code_that_is_imported_from_the_own_tree_is_named(project: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(project / "src")}
    (project / "src").mkdir()

    done = sweep(project, "seed=1", *train(), env=environ)

    assert b"of PYTHONPATH is that of your own tree" in done.stderr


def test_a_run_that_is_imported_is_of_no_sweep_here(project: Path, tmp_path: Path) -> None:
    sweep(project, "seed=1", *train())
    archive = tmp_path / "runs.zip"
    assert 0 == meticulous("export", "1", archive, cwd=project).returncode
    other = project.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    done = meticulous("import", archive, cwd=other)

    assert 0 == done.returncode, done.stderr
    metadata = runs_of(other)[0].read_metadata()
    assert "sweep" not in metadata
    assert 1 == metadata["imported-from"]["sweep"]["id"]


# Trouble with the folder


def test_empty_directories_that_a_copy_leaves_out_are_made_again(project: Path) -> None:
    sweep(project, "seed=1", *train())
    for name in ("again", "claims", "workers"):
        shutil.rmtree(folder_of(project).file(name))

    assert b"0 of 1 done, 1 waiting" in sweep(project, "show", "1").stdout
    assert 0 == sweep(project, "resume", "1").returncode


def test_a_half_written_line_is_passed_over(project: Path) -> None:
    sweep(project, "seed=1,2", *train())
    with open(folder_of(project).file("points.jsonl"), "a") as file:
        file.write('{"key": "abc", "val')

    assert b"1 new points" in sweep(project, "add", "1", "seed=3").stderr
    assert 0 == sweep(project, "resume", "1").returncode
    assert {"SUCCESS": 3} == dict(statuses(project))


def test_a_point_that_stands_there_twice_is_one(project: Path) -> None:
    sweep(project, "seed=1,2", *train())
    path = Path(folder_of(project).file("points.jsonl"))
    path.write_text(path.read_text() * 2)

    assert b"2 of 2 done" in sweep(project, "show", "1").stdout
    assert 0 == sweep(project, "resume", "1").returncode
    assert b"0 new points" in sweep(project, "add", "1", "seed=1,2").stderr


def test_a_line_that_is_broken_by_hand_is_named(project: Path) -> None:
    sweep(project, "seed=1,2", *train())
    path = Path(folder_of(project).file("points.jsonl"))
    path.write_text("nonsense\n" + path.read_text())

    done = sweep(project, "resume", "1")

    assert re.search(rb"points\.jsonl, line 1 is no JSON object", done.stderr)
    assert b"Traceback" not in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "half made"),
        ("{", "cannot read"),
        ("[]", "it lacks"),
        ('{"format": 99, "template": [], "experiments": "", "project": ""}', "format 99"),
    ],
)
def test_a_sweep_whose_description_is_gone_is_named(project: Path, content, what: str) -> None:
    sweep(project, "seed=1", *train())
    path = Path(folder_of(project).file("sweep.json"))
    path.unlink()
    if content is not None:
        path.write_text(content)

    for words in (["show", "1"], ["resume", "1"], ["work", "1"], ["ls"]):
        done = sweep(project, *words)
        assert what in done.stderr.decode()
        assert b"Traceback" not in done.stderr


def test_a_sweep_that_there_is_none_of(project: Path) -> None:
    done = sweep(project, "show", "7")

    assert b"there is no sweep '7'" in done.stderr
    assert 2 == done.returncode


@pytest.mark.skipif(os.getuid() != 0, reason="mounts")
def test_a_store_that_cannot_be_written_is_named(project: Path) -> None:
    store = project.parent / "store"
    store.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", store], check=False).returncode:
        pytest.skip("cannot mount")
    try:
        done = sweep(project, "a=1", f"--experiments-directory={store}/experiments", *train())
    finally:
        subprocess.run(["umount", store], check=True)

    assert b"cannot make a sweep in" in done.stderr
    assert b"Read-only file system" in done.stderr
    assert b"Traceback" not in done.stderr
    assert 1 == done.returncode


@pytest.mark.skipif(os.getuid() != 0, reason="mounts")
def test_a_full_store_stops_the_worker_and_no_point_is_lost(project: Path) -> None:
    store = project.parent / "store"
    store.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", store], check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount")
    try:
        experiments = f"--experiments-directory={store}/experiments"
        line = [experiments, "--no-git", "--here", "--", "sh", "-c", "true {seed}"]
        done = sweep(project, "seed=1..24", *line)
        assert b"Traceback" not in done.stderr
        assert done.returncode == 1, done.stderr
        subprocess.run(["mount", "-o", "remount,size=40m", store], check=True)
        last = sweep(project, "resume", f"{store}/sweeps/1")
        assert 0 == last.returncode, last.stderr
        assert b"24 of 24 done" in last.stderr
    finally:
        subprocess.run(["umount", store], check=True)


# On a terminal


def screen_of(terminal: Terminal, columns: int) -> list[str]:
    screen = pyte.Screen(columns, 24)
    pyte.ByteStream(screen).feed(terminal.output)
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_view_is_drawn_over_itself_and_fits(project: Path, columns: int) -> None:
    line = [
        *METICULOUS,
        "sweep",
        "lr=0.1,0.2",
        "seed=9..14",
        "--minimize",
        "summary_loss",
        "-j",
        "2",
    ]
    with Terminal([*line, *train()], project, size=(24, columns)) as terminal:
        assert 1 == terminal.end()

    screen = screen_of(terminal, columns)
    text = "\n".join(screen)
    assert 1 == text.count("sweep 1  █")
    assert "████████████████████" in text
    assert "best summary_loss 1: run" in text
    assert "last failure" in text
    assert "10 of 12 done, 2 failed" in text


def test_the_first_ctrl_c_lets_running_points_end(project: Path) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=1..5", *train("--wait", str(flag))]
    with Terminal(line, project) as terminal:
        wait_until(lambda: Path(f"{flag}.1").exists())
        terminal.type("\x03")
        terminal.wait_for("no new points")
        Path(f"{flag}.go").touch()
        assert 130 == terminal.end()

    assert {"SUCCESS": 1} == dict(statuses(project))


def test_the_second_ctrl_c_ends_them_and_gives_them_back(project: Path) -> None:
    flag = project.parent / "flag"
    line = [*METICULOUS, "sweep", "seed=1..5", "-j", "2", *train("--wait", str(flag))]
    with Terminal(line, project) as terminal:
        wait_until(lambda: Path(f"{flag}.1").exists() and Path(f"{flag}.2").exists())
        terminal.type("\x03")
        terminal.wait_for("no new points")
        terminal.type("\x03")
        terminal.wait_for("they are given back")
        assert 130 == terminal.end()

    assert {"STOPPED": 2} == dict(statuses(project))
    Path(f"{flag}.go").touch()
    assert 0 == sweep(project, "resume", "1").returncode
    assert {"SUCCESS": 5} == dict(statuses(project))
    assert {("SUCCESS",)} == {tuple(states) for states in runs_by_point(project).values()}
