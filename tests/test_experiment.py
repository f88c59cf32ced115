"""What the specification says of the in-process API, sentence by sentence; and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from meticulous import Experiment, Experiments
from meticulous.errors import DirtyRepositoryError, MeticulousError, RunFolderError, SettingsError
from meticulous.experiment import DirtyRepoException
from tests.conftest import git, meticulous, only_run, runs_of
from tests.experiment_support import commit_all, run_script

PARSED = """
    import argparse
    from meticulous import Experiment

    parser = argparse.ArgumentParser()
    parser.add_argument('--batch-size', type=int, default=64, metavar='N',
                        help='input batch size for training (default: 64)')
    parser.add_argument('--lr', type=float, default=0.1)
    Experiment.add_argument_group(parser)
    experiment = Experiment.from_parser(parser)
    args = parser.parse_args()
"""


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean repository that is the current directory."""
    monkeypatch.chdir(repository)
    return repository


def test_a_new_numbered_folder_for_each_experiment(project: Path) -> None:
    for number in (1, 2):
        with Experiment({}) as experiment:
            assert str(project / "experiments" / str(number)) == experiment.curexpdir


def test_the_commit_sha_is_recorded(project: Path) -> None:
    with Experiment({}) as experiment:
        pass
    assert git(project, "rev-parse", "HEAD").strip() == experiment.metadata["githead-sha"]
    assert "first\n" == only_run(project).read_metadata()["githead-message"]


def test_code_has_to_be_committed(project: Path) -> None:
    (project / "train.py").write_text("changed")
    with pytest.raises(DirtyRepoException, match=r"1 file has uncommitted changes.*train\.py"):
        Experiment({})
    assert [] == runs_of(project)
    assert issubclass(DirtyRepoException, DirtyRepositoryError)


def test_the_refusal_has_the_message_of_the_command_line(project: Path) -> None:
    (project / "train.py").write_text("changed")
    with pytest.raises(DirtyRepoException) as refusal:
        Experiment({})
    said = meticulous("run", "--", "true", cwd=project).stderr.decode()
    assert said == f"meticulous: {refusal.value}\n"


def test_the_arguments_are_extracted_with_argparse(repository: Path) -> None:
    assert 0 == run_script(repository, PARSED, "--batch-size", "8").returncode
    run = only_run(repository)
    assert {"batch_size": 8, "lr": 0.1} == run.read_json("args.json")
    assert {"batch_size": 64, "lr": 0.1} == run.read_json("default_args.json")
    assert ["batch_size"] == run.read_metadata()["args-given"]
    assert "argparse" == run.read_metadata()["args-source"]


def test_a_copy_of_stdout_and_stderr_is_stored(repository: Path) -> None:
    code = PARSED + "    import sys; print('out'); print('err', file=sys.stderr)\n"
    done = run_script(repository, code)
    run = only_run(repository)
    assert b"out\n" == done.stdout == Path(run.file("stdout")).read_bytes()
    assert b"err\n" == done.stderr == Path(run.file("stderr")).read_bytes()


def test_the_directory_has_the_files_of_the_specification(repository: Path) -> None:
    run_script(repository, PARSED)
    names = {"STATUS", "args.json", "default_args.json", "metadata.json", "stderr", "stdout"}
    assert names <= set(os.listdir(only_run(repository).path))
    assert "1" == only_run(repository).id


def test_metadata_has_the_keys_of_the_specification(repository: Path) -> None:
    run_script(repository, PARSED, "--description", "a test")
    metadata = only_run(repository).read_metadata()
    assert "a test" == metadata["description"]
    assert ["train.py", "--description", "a test"] == metadata["command"]
    assert metadata["timestamp"].startswith("20")
    assert "work\n" == metadata["githead-message"]


def test_status_is_running_then_success(project: Path) -> None:
    with Experiment({}) as experiment:
        status = Path(experiment.curexpdir, "STATUS")
        assert "RUNNING\n" == status.read_text()
    assert "SUCCESS\n" == status.read_text()


def test_status_is_error_with_the_python_traceback(repository: Path) -> None:
    done = run_script(repository, PARSED + "    1 / 0\n")
    state, message = only_run(repository).read_status()
    assert "ERROR" == state
    assert message.startswith("Traceback (most recent call last):")
    assert message.endswith("ZeroDivisionError: division by zero")
    assert message == done.stderr.decode().rstrip()
    assert 1 == done.returncode == only_run(repository).read_metadata()["exit-code"]


def test_the_group_has_the_options_of_the_specification() -> None:
    import argparse

    parser = argparse.ArgumentParser(prog="train.py")
    Experiment.add_argument_group(parser)
    words = " ".join(parser.format_help().split())
    assert words.endswith(
        "meticulous: arguments for initializing Experiment object "
        "--project-directory PROJECT_DIRECTORY "
        "Project directory. Need not be the same as repo directory, but should be part of a git "
        "repo --experiments-directory EXPERIMENTS_DIRECTORY "
        "A directory to store experiments, should be in the project directory "
        "--experiment-id EXPERIMENT_ID explicitly specified experiment id "
        "--description DESCRIPTION A description for this experiment "
        "--resume Resumes an existing experiment with same arguments and git sha. If no such "
        "experiment is found, starts a new one "
        "--norecord Override meticulous recording of the experiment. Does not enforce that the "
        "repo be clean and can be used during development and debugging of experiment "
        # Not of the specification: the refusal of uncommitted changes names it as a way out.
        "--dirty {refuse,snapshot,ignore} What to do with uncommitted changes (default: refuse)"
    )


def test_project_directory_need_not_be_the_repository(repository: Path) -> None:
    (repository / "sub").mkdir()
    run_script(repository, PARSED, "--project-directory", "sub")
    assert [] == runs_of(repository)
    assert "SUCCESS" == only_run(repository / "sub").read_status()[0]


def test_experiments_directory_is_in_the_project_directory(repository: Path) -> None:
    run_script(repository, PARSED, "--experiments-directory", "runs")
    assert (repository / "runs" / "1" / "STATUS").exists()


def test_experiment_id_is_taken(repository: Path) -> None:
    run_script(repository, PARSED, "--experiment-id", "baseline")
    assert "baseline" == only_run(repository).id


def test_norecord_records_nothing_and_does_not_enforce_a_clean_repository(
    project: Path,
) -> None:
    (project / "train.py").write_text("changed")
    with Experiment({"k": 1}, norecord=True) as experiment:
        print("development")
        experiment.summary({"loss": 1})
        with experiment.open("model.txt", "w") as file:
            file.write("weights")
        assert {} == experiment.metadata
    assert "weights" == (project / "model.txt").read_text()
    assert [] == runs_of(project)


def test_norecord_works_without_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="in no git repository"):
        Experiment({})
    with Experiment({}, norecord=True):
        pass


def test_the_other_arguments_are_extracted_as_usual(repository: Path) -> None:
    code = PARSED + "    print(args.batch_size, args.lr)\n"
    done = run_script(repository, code, "--description", "d", "--lr", "0.5")
    assert b"64 0.5\n" == done.stdout


def test_tracking_starts_at_the_initialization_and_stops_with_the_block(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    print("before")
    with Experiment({}) as experiment:
        print("inside")
    print("after")
    assert "inside\n" == Path(experiment.curexpdir, "stdout").read_text()
    assert "before\ninside\nafter\n" == capfd.readouterr().out


def test_when_an_experiment_fails_the_next_one_is_executed(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for k in range(1, 4):
        with Experiment({"k": k}) as experiment:
            if k == 2:
                raise ValueError("two is bad")
            experiment.summary({"loss": k / 10})
    states = [run.read_status()[0] for run in runs_of(project)]
    assert ["SUCCESS", "ERROR", "SUCCESS"] == states
    error = capfd.readouterr().err
    assert error.endswith("ValueError: two is bad\n")
    failed = runs_of(project)[1]
    assert error == Path(failed.file("stderr")).read_text()
    assert error.rstrip() == failed.read_status()[1]
    assert failed.read_metadata()["exit-code"] is None


def test_summary_overwrites_summary_json(project: Path) -> None:
    with Experiment({}) as experiment:
        experiment.summary({"loss": 2.0, "step": 1})
        experiment.summary({"loss": float("nan"), "accuracy": 0.5})
    assert {"loss": "NaN", "accuracy": 0.5} == json.loads(
        Path(experiment.curexpdir, "summary.json").read_bytes()
    )


def test_open_writes_to_the_experiment_directory(project: Path) -> None:
    with Experiment({}) as experiment:
        with experiment.open("deep/model.pkl", "wb") as file:
            file.write(b"weights")
        with experiment.open("deep/model.pkl", "rb", 0) as file:  # what the built-in open takes
            assert b"weights" == file.read()
        with pytest.raises(ValueError, match="leads out of the run folder"):
            experiment.open("../model.pkl", "wb")
    assert Path(experiment.curexpdir, "deep", "model.pkl").exists()


def test_experiments_are_read_back_as_objects_and_frames(project: Path) -> None:
    for k in (1, 2):
        with Experiment({"k": k}, {"k": 1}) as experiment:
            experiment.summary({"loss": k / 2})
    frame = Experiments().as_dataframe()
    assert [1, 2] == frame["args"]["k"].tolist()
    assert [0.5, 1.0] == frame["summary"]["loss"].tolist()


LOOP = """
for k in range(1, 10):
    with Experiment({"k": k}) as exp:
        print(f"running kmeans with k={k}")
        kmeans = KMeans(k=k).fit(X)
        exp.summary({"loss": kmeans._inertia})
        print(f"Loss was {kmeans._ineartia}")
"""
"""The loop of the specification, to the letter."""


def test_the_loop_of_the_specification_runs_as_it_stands(repository: Path) -> None:
    # No release of scikit-learn has these names; here is a class that has them.
    model = """
from meticulous import Experiment
X = [1.0, 2.0, 4.0, 8.0]
class KMeans:
    def __init__(self, k):
        self.k = k
    def fit(self, points):
        self._inertia = self._ineartia = sum(points) / self.k
        return self
"""
    done = run_script(repository, model + LOOP)
    assert (0, b"") == (done.returncode, done.stderr)
    for k, run in enumerate(runs_of(repository), 1):
        assert "SUCCESS" == run.read_status()[0]
        assert {"k": k} == run.read_json("args.json")
        assert {"loss": 15 / k} == run.read_json("summary.json")
        text = f"running kmeans with k={k}\nLoss was {15 / k}\n"
        assert text == Path(run.file("stdout")).read_text()
    assert 9 == len(runs_of(repository))


def test_the_loop_of_the_specification_with_scikit_learn(repository: Path) -> None:
    pytest.importorskip("sklearn")
    head = """
from meticulous import Experiment
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
X = load_iris().data
"""
    # As it stands, each fails by the names that scikit-learn does not have, and the next one runs.
    done = run_script(repository, head + LOOP)
    assert 0 == done.returncode
    reasons = {run.read_metadata()["reason"] for run in runs_of(repository)}
    assert {"TypeError: KMeans.__init__() got an unexpected keyword argument 'k'"} == reasons
    names = {
        "KMeans(k=k)": "KMeans(n_clusters=k)",
        "._inertia": ".inertia_",
        "_ineartia": "inertia_",
    }
    code = LOOP
    for wrong, right in names.items():
        code = code.replace(wrong, right)
    run_script(repository, head + code)
    fitted = runs_of(repository)[9:]
    assert ["SUCCESS"] * 9 == [run.read_status()[0] for run in fitted]
    losses = [run.read_json("summary.json")["loss"] for run in fitted]
    assert losses[0] > losses[2] > losses[8]


@pytest.mark.parametrize("name", ["train_argparse.py", "kmeans_loop.py"])
def test_the_examples_record_themselves(name: str, repository: Path) -> None:
    if name == "kmeans_loop.py":
        pytest.importorskip("sklearn")
    example = Path(__file__).parent.parent / "examples" / name
    done = run_script(repository, example.read_text())
    assert (0, b"") == (done.returncode, done.stderr)
    assert {"SUCCESS"} == {run.read_status()[0] for run in runs_of(repository)}
    assert done.stdout == b"".join(
        Path(run.file("stdout")).read_bytes() for run in runs_of(repository)
    )


# Beyond the specification


def test_curexpdir_stays_the_same_after_a_change_of_directory(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment({}) as experiment:
        monkeypatch.chdir(tmp_path)
        experiment.summary({"loss": 1})
    assert (project / "experiments" / "1" / "summary.json").exists()


def test_the_environment_is_that_of_this_interpreter(repository: Path) -> None:
    run_script(repository, PARSED + "    import time; time.sleep(0.5)\n")
    environment = only_run(repository).read_json("environment.json")
    assert sys.executable == environment["python"]["executable"]
    assert "report" == environment["python"]["source"]
    assert "psutil" in environment["packages"]


def test_settings_come_from_the_file_and_the_environment_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "meticulous.yaml").write_text("experiments_directory: runs\ntag: nightly\n")
    commit_all(project)
    monkeypatch.setenv("METICULOUS_DESCRIPTION", "from the environment")
    with Experiment({}) as experiment:
        pass
    assert str(project / "runs" / "1") == experiment.curexpdir
    assert ["nightly"] == experiment.metadata["tags"]
    assert "from the environment" == experiment.metadata["description"]


def test_uncommitted_changes_can_be_ignored(project: Path) -> None:
    (project / "train.py").write_text("changed")
    with Experiment({}, dirty="ignore") as experiment:
        pass
    assert experiment.metadata["dirty"] is True


def test_an_experiment_under_run_has_a_folder_of_its_own_linked_to_its_parent(
    repository: Path,
) -> None:
    code = """
        import meticulous
        from meticulous import Experiment

        meticulous.summary({"of": "the launcher"})
        with Experiment({"k": 1}):
            meticulous.summary({"of": "the experiment"})
        meticulous.summary({"again": "the launcher"})
    """
    prefix = [sys.executable, "-m", "meticulous", "run", "-q", "--"]
    done = run_script(repository, code, prefix=prefix)
    assert b"" == done.stderr
    launched, inner = runs_of(repository)
    assert "1" == inner.read_metadata()["parent"]
    assert {"of": "the launcher", "again": "the launcher"} == launched.read_json("summary.json")
    assert {"of": "the experiment"} == inner.read_json("summary.json")
    assert ["SUCCESS", "SUCCESS"] == [run.read_status()[0] for run in (launched, inner)]
    assert [] == launched.read_metadata()["survivors"]


def test_the_launcher_has_the_arguments_of_a_script_that_records_itself(
    repository: Path,
) -> None:
    prefix = [sys.executable, "-m", "meticulous", "run", "-q", "--"]
    code = PARSED + "    experiment.finish()\n    parser.parse_args()\n    1 / 0\n"
    run_script(repository, code, "--lr", "2", prefix=prefix)
    launched, inner = runs_of(repository)
    for run in (launched, inner):
        args, defaults = run.read_json("args.json"), run.read_json("default_args.json")
        assert (2.0, 64) == (args["lr"], args["batch_size"])
        assert (0.1, 64) == (defaults["lr"], defaults["batch_size"])
        assert ["lr"] == run.read_metadata()["args-given"]
    assert launched.read_metadata()["args-source"].startswith("argparse in train.py")
    assert launched.read_status()[1].endswith("ZeroDivisionError: division by zero")
    assert "reports" not in os.listdir(inner.path)


def test_a_command_that_is_run_in_an_experiment_has_it_as_its_parent(project: Path) -> None:
    with Experiment({}):
        assert 0 == meticulous("run", "-q", "--", "true", cwd=project).returncode
    assert "1" == runs_of(project)[1].read_metadata()["parent"]
    assert "METICULOUS_RUN_DIR" not in os.environ


def test_nothing_of_argparse_or_pandas_is_loaded_for_a_plain_experiment(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment

        with Experiment({}):
            pass
        heavy = {"argparse", "numpy", "pandas", "psutil", "pygit2", "subprocess", "yaml"}
        print(sorted(heavy & set(sys.modules)))
    """
    assert b"[]\n" == run_script(repository, code).stdout


# Bad input


def test_arguments_that_are_not_json_are_converted(project: Path) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no repr either")

    values: dict[Any, Any] = {
        "path": Path("x"),
        "set": {1},
        "odd": Odd(),
        "nan": float("nan"),
        "bytes": b"b",
    }
    with Experiment(values | {3: "three"}) as experiment:
        experiment.summary({"odd": Odd(), "loss": 1})
    args = only_run(project).read_json("args.json")
    assert "x" == args["path"]
    assert [1] == args["set"]
    assert "three" == args["3"]
    assert "<Odd>" == args["odd"]
    assert 1 == only_run(project).read_json("summary.json")["loss"]


def test_secrets_in_arguments_are_masked_on_disk_only(project: Path) -> None:
    with Experiment({"api_key": "abcdef0123456789"}) as experiment:
        assert "abcdef0123456789" == experiment.args["api_key"]
    assert {"api_key": "***"} == only_run(project).read_json("args.json")


def test_arguments_without_names_are_refused(project: Path) -> None:
    with pytest.raises(TypeError, match="args must have names"):
        Experiment([1, 2])  # type: ignore[arg-type]
    with Experiment({}) as experiment, pytest.raises(TypeError, match="summary takes names"):
        experiment.summary(3)  # type: ignore[arg-type]


def test_a_directory_that_cannot_be_written_is_a_clear_error(project: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot make a run in /proc/runs"):
        Experiment({}, experiments_directory="/proc/runs")  # not even by root


def test_a_file_in_the_place_of_the_experiments_directory_is_a_clear_error(project: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot make a run in"):
        Experiment({}, experiments_directory="train.py")
    with Experiment({}):
        print("goes on")


def test_an_experiments_directory_outside_the_repository_is_fine(
    project: Path, tmp_path: Path
) -> None:
    with Experiment({}, experiments_directory=str(tmp_path / "elsewhere")) as experiment:
        pass
    assert str(tmp_path / "elsewhere" / "1") == experiment.curexpdir


def test_one_tag_may_be_given_as_it_is(project: Path) -> None:
    for tags, expected in (("baseline", ["baseline"]), (["a", 1], ["a", "1"]), ((), [])):
        with Experiment({}, tags=tags) as experiment:  # type: ignore[arg-type]
            assert expected == experiment.metadata["tags"]


def test_an_unknown_option_is_refused(project: Path) -> None:
    with pytest.raises(TypeError, match="colour"):
        Experiment({}, colour="red")  # type: ignore[call-arg]
    with pytest.raises(MeticulousError, match="dirty is 'perhaps'"):
        Experiment({}, dirty="perhaps")


def test_an_id_that_exists_is_refused(project: Path) -> None:
    with Experiment({}, experiment_id="one"):
        pass
    with pytest.raises(RunFolderError, match="exists already"):
        Experiment({}, experiment_id="one")


def test_finish_twice_and_use_after_finish_do_no_harm(project: Path) -> None:
    experiment = Experiment({})
    experiment.finish()
    end = experiment.metadata["end-time"]
    experiment.finish("ERROR")
    assert "SUCCESS" == only_run(project).read_status()[0]
    assert end == experiment.metadata["end-time"]
    experiment.summary({"late": 1})
    with experiment.open("late.txt", "w") as file:
        file.write("late")
    assert {"late": 1} == only_run(project).read_json("summary.json")
    with pytest.raises(MeticulousError, match="has ended"), experiment:
        pass


def test_an_exception_after_finish_is_printed_all_the_same(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Experiment({}) as experiment:
        experiment.finish()
        raise ValueError("too late to be recorded")
    assert capfd.readouterr().err.endswith("ValueError: too late to be recorded\n")
    assert ("SUCCESS", "") == only_run(project).read_status()


def test_an_exception_is_recorded_though_stderr_is_closed(repository: Path) -> None:
    code = """
        import sys
        from meticulous import Experiment
        for k in range(2):
            with Experiment({"k": k}):
                sys.stderr.close()
                1 / 0
        print("went on")
    """
    done = run_script(repository, code)
    assert (0, b"went on\n", b"") == (done.returncode, done.stdout, done.stderr)
    assert ["ERROR"] * 2 == [run.read_status()[0] for run in runs_of(repository)]


def test_finish_takes_a_status(project: Path) -> None:
    experiment = Experiment({})
    with pytest.raises(MeticulousError, match="unknown"):
        experiment.finish("DONE")
    experiment.finish("ERROR\nthe loss is not a number")
    assert ("ERROR", "the loss is not a number") == only_run(project).read_status()
    assert "the loss is not a number" == experiment.metadata["reason"]


def test_summary_from_several_threads_leaves_one_of_them_whole(project: Path) -> None:
    with Experiment({}) as experiment:
        threads = [
            threading.Thread(target=experiment.summary, args=({"thread": number, "n": number},))
            for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    summary = only_run(project).read_json("summary.json")
    assert summary["thread"] == summary["n"]


def test_two_processes_at_once_get_different_ids(repository: Path) -> None:
    code = "from meticulous import Experiment\nfor k in range(5):\n    with Experiment({}): pass\n"
    (repository / "train.py").write_text(code)
    commit_all(repository)
    started = [subprocess.Popen([sys.executable, "train.py"], cwd=repository) for _ in range(3)]
    assert [0, 0, 0] == [process.wait() for process in started]
    assert [str(number) for number in range(1, 16)] == [run.id for run in runs_of(repository)]
    assert {"SUCCESS"} == {run.read_status()[0] for run in runs_of(repository)}
