"""`meticulous verify`: did two runs give the same?"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from meticulous.comparison.normalise import Normaliser, lines, names_a_time
from meticulous.comparison.values import Tolerance, leaves, line_is_near
from meticulous.comparison.writers import writer
from meticulous.runfolder import RunFolder
from tests.conftest import git, meticulous

TRAIN = """
import os, sys, time
import meticulous
words = dict(word.split("=") for word in sys.argv[1:])
loss = float(words.get("loss", "0.5"))
print("started", time.strftime("%Y-%m-%d %H:%M:%S"), "pid", os.getpid(), object())
print("writing to", os.path.join(meticulous.run_directory(), "model.bin"))
print(f"epoch 1 took {time.perf_counter():.3f}s loss {loss}")
print(words.get("say", ""), file=sys.stderr)
for step in range(3):
    meticulous.log({"loss": loss / (step + 1)}, step=step)
meticulous.summary({"loss": loss, "nan": float("nan"), "train_seconds": time.perf_counter()})
with meticulous.open("model.bin", "wb") as file:
    file.write(words.get("weights", "1").encode())
sys.exit(int(words.get("code", "0")))
"""


@pytest.fixture
def project(repository: Path) -> Path:
    (repository / "train.py").write_text(TRAIN)
    git(repository, "commit", "-q", "-a", "-m", "train")
    return repository


def run(project: Path, *words: str) -> None:
    meticulous("run", "--", sys.executable, "train.py", *words, cwd=project)


def verdict(project: Path, *options: str) -> tuple[int, str]:
    done = meticulous("verify", "1", "2", *options, cwd=project)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_the_same_again_is_identical_but_for_times_paths_and_processes(project: Path) -> None:
    run(project)
    run(project)

    code, told = verdict(project)

    assert code == 0, told
    assert told.startswith("identical: run 2 compared with run 1\n")
    assert "not compared: summary train_seconds (" in told  # with both values
    assert "), times, paths and the like in 3 lines of stdout\n" in told

    code, told = verdict(project, "--exact")

    assert code == 1
    assert "stdout line 1" in told
    assert "summary train_seconds" in told


def test_each_difference_is_named_with_both_values(project: Path) -> None:
    run(project, "loss=0.5", "say=one")
    run(project, "loss=0.75", "say=two", "weights=22", "code=3")

    code, told = verdict(project)

    assert code == 1
    assert told.startswith("different:")
    plain = " ".join(told.split())  # the path of the project has a line break: so it is line 4
    for words in (
        "status SUCCESS → ERROR",
        "exit code 0 → 3",
        "summary loss 0.5 → 0.75 (+50 %)",
        "metrics step 0 loss 0.5 → 0.75",
        "stdout line 4 epoch 1 took",
        "stderr line 1 one → two",
        "files model.bin 1 bytes → 2 bytes",
        "argument loss 0.5 → 0.75",
    ):
        assert words in plain, told


def test_numbers_may_be_apart_by_a_tolerance(project: Path) -> None:
    run(project, "loss=0.5")
    run(project, "loss=0.5000001")

    assert verdict(project)[0] == 1
    code, told = verdict(project, "--rtol", "1e-6")
    assert code == 0
    assert told.startswith("same within tolerance:")
    assert "summary loss" in told
    assert verdict(project, "--rtol", "1e-9")[0] == 1
    assert verdict(project, "--atol", "1e-6")[0] == 0


def test_files_and_values_can_be_ignored(project: Path) -> None:
    run(project, "weights=1")
    run(project, "weights=2")

    code, told = verdict(project)
    assert code == 1
    assert "sha256" in told
    code, told = verdict(project, "--ignore", "*.bin")
    assert code == 0
    assert "not compared: " in told
    assert "model.bin" in told


def test_a_path_in_the_folder_of_the_run_may_be_a_value(project: Path) -> None:
    code = "import meticulous as m; m.summary({'best': [m.run_directory() + '/epoch_3.pt']})"
    for text in (code, code, code.replace("_3", "_4")):
        meticulous("run", "--", sys.executable, "-c", text, cwd=project)

    assert verdict(project)[0] == 0
    assert verdict(project, "--exact")[0] == 1
    assert b"<run>/epoch_3.pt \xe2\x86\x92 <run>/epoch_4.pt" in (
        meticulous("verify", "2", "3", cwd=project).stdout
    )


def test_of_long_lines_the_place_where_they_differ_is_shown(project: Path) -> None:
    for loss in (0.25, 0.5):
        line = f"import time; print(time.time(), 'a long word of the day ' * 9, 'loss', {loss})"
        meticulous("run", "--", sys.executable, "-c", line, cwd=project)

    told = verdict(project)[1]

    assert "…word of the day  loss 0.25 → …word of the day  loss 0.5\n" in told
    values = json.loads(verdict(project, "--json")[1])["differences"][0]["values"]
    assert [value.endswith(f"loss {loss}") for value, loss in zip(values, (0.25, 0.5), strict=True)]
    assert "a long word" in values[0]


def test_only_exactly_a_newline_at_the_end_counts(project: Path) -> None:
    for text in ("end", "end\\n"):
        meticulous("run", "--", "printf", text, cwd=project)

    assert verdict(project)[0] == 0
    assert "stdout end  3 bytes → 4 bytes" in verdict(project, "--exact")[1]


def test_bars_that_stand_between_do_not_count(project: Path) -> None:
    for bars in ("", " 10%|#    | 1/9 [00:01<00:09]\\n", " 20%|#    | 2/9 [00:01<00:09]\\n" * 3):
        text = f"a\\n{bars}b\\n{bars}"
        meticulous("run", "--", "sh", "-c", f"printf '{text.replace('%', '%%')}'", cwd=project)

    assert verdict(project)[0] == 0
    assert meticulous("verify", "2", "3", cwd=project).stdout.startswith(b"identical")


def test_links_and_the_output_of_all_ranks_are_compared(project: Path) -> None:
    for number in (1, 2):
        run(project)
        folder = project / "experiments" / str(number)
        (folder / f"epoch_{number}").mkdir()
        (folder / "last").symlink_to(f"epoch_{number}")
        (folder / "own").symlink_to(folder / "gone")
        (folder / "outside").symlink_to(f"/nowhere/{number}")
        (folder / "ranks" / "1").mkdir(parents=True)
        (folder / "ranks" / "1" / "stdout").write_text(f"loss {number}\n")

    code, told = verdict(project)

    assert code == 1
    assert "files last             a link to epoch_1 → a link to epoch_2" in told
    assert "files outside          a link to /nowhere/1 → a link to /nowhere/2" in told
    assert "ranks/1/stdout line 1  loss 1 → loss 2" in told
    assert "files own" not in told
    (project / "experiments" / "2" / "ranks" / "1").rename(project / "elsewhere")
    assert "what other ranks printed" in verdict(project)[1]


WRITERS = """
import sys
for line in sys.argv[1:]:
    print(line)
"""
RANKS = {
    "of ranks": ["epoch 1", "rank 0 loss 0.5", "rank 1 loss 0.6", "epoch 2"],
    "of torch": ["start", "[rank0]: loss 0.5", "[rank1]: loss 0.6"],
    "of srun": ["0: loss 0.5", "1: loss 0.6", "2: loss 0.5"],
    "of mpirun": ["[1,0]<stdout>:loss 0.5", "[1,1]<stdout>:loss 0.6"],
    "of workers": ["ForkPoolWorker-1 0.5", "ForkPoolWorker-2 0.6", "ForkPoolWorker-1 0.7"],
}


@pytest.mark.parametrize("kind", RANKS)
def test_the_order_in_which_processes_print_is_no_difference(project: Path, kind: str) -> None:
    (project / "train.py").write_text(WRITERS)
    lines = RANKS[kind]
    first = next(n for n, line in enumerate(lines) if writer(line))
    swapped = [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]
    run_here = ("run", "-q", "--dirty", "ignore", "--", sys.executable, "train.py")
    for words in (lines, swapped):
        meticulous(*run_here, *words, cwd=project)

    code, told = verdict(project)

    assert code == 0, told
    assert "which of its processes printed first to stdout" in told
    assert verdict(project, "--exact")[0] == 1
    meticulous(*run_here, *[line.replace("0.6", "0.61") for line in swapped], cwd=project)
    done = meticulous("verify", "1", "3", cwd=project)
    assert done.returncode == 1
    assert b"0.61" in done.stdout


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["loss 0.5", "loss 0.4"], ["loss 0.4", "loss 0.5"]),
        (["rank 0 loss 0.5", "rank 0 loss 0.4"], ["rank 0 loss 0.4", "rank 0 loss 0.5"]),
        (["rank 0", "0.5", "rank 1", "0.4"], ["rank 1", "0.5", "rank 0", "0.4"]),
        (["rank 0 a", "epoch 2", "rank 1 b"], ["rank 1 b", "epoch 2", "rank 0 a"]),
        (["rank 0 a", "rank 1 b"], ["rank 1 a", "rank 0 b"]),
    ],
)
def test_an_order_that_says_something_counts(
    project: Path, one: list[str], other: list[str]
) -> None:
    (project / "train.py").write_text(WRITERS)
    for words in (one, other):
        line = ("run", "-q", "--dirty", "ignore", "--", sys.executable, "train.py", *words)
        meticulous(*line, cwd=project)

    assert verdict(project)[0] == 1


def test_json_has_all_of_it(project: Path) -> None:
    run(project, "loss=1")
    run(project, "loss=nan")

    done = meticulous("verify", "1", "2", "--json", cwd=project)

    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["verdict"] == "different"
    assert found["runs"] == ["1", "2"]
    summary = [one for one in found["differences"] if one["section"] == "summary"]
    assert [(one["name"], one["values"]) for one in summary] == [("loss", [1.0, "NaN"])]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["1"], "B"),
        (["1", "9"], "there is no run 9"),
        (["1", "2", "--rtol", "x"], "'x' is no number from 0 on"),
        (["1", "2", "--rtol", "-1"], "rtol"),
    ],
)
def test_what_cannot_be_compared_is_neither_the_same_nor_different(
    project: Path, words: list[str], told: str
) -> None:
    run(project)

    done = meticulous("verify", *words, cwd=project)

    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("done at 2026-11-24T04:52:31+01:00", "done at 2025-01-02 03:04:05.678Z"),
        ("I1124 04:52:31.123456 4711 a.py:12] go", "I0101 00:00:00.000001 99 a.py:12] go"),
        ("epoch 1: 12.5 it/s, 3.2s", "epoch 1: 9 it/s, 13s"),
        ("took 1m 23.4s", "took 2m 3s"),
        ("{'train_runtime': 12.3, 'loss': 1}", "{'train_runtime': 9.87, 'loss': 1}"),
        ("<Model object at 0x7f1234567890>", "<Model object at 0x7fabcdefabcd>"),
        ("saved /home/a/x/model.pt", "saved /scratch/b/model.pt"),
        ("\x1b[32mok\x1b[0m", "ok"),
        (
            "  3%|#  | 1/9\r100%|###| 9/9 [00:01<00:00, 8.2it/s]",
            "100%|###| 9/9 [00:12<00:00, 8it/s]",
        ),
        ("100%|█████████| 9/9 [00:01<00:00, 8.2it/s]", "100%|##| 9/9 [00:01<00:00, 8.2it/s]"),
        ("\r 40%|##   | 4/9 [00:01<00:02, 3it/s, x=1]epoch 4 loss 0.5", "epoch 4 loss 0.5"),
        ("\r 40%|\x1b[32m##\x1b[0m   | 4/9 [00:01<00:02, 3it/s]epoch 4", "epoch 4"),
        ("at 1764000000.123", "at 1774000000"),
        ("run 12 in experiments/12/out", "run 12 in experiments/12/out"),
        ("Tue Nov 24 04:52:31 UTC 2026", "Wed Nov 25 14:52:31 UTC 2026"),
        ("2.5 s/step", "31 ms/step"),
        ("[W1124 12:00:00.123456789 a.cpp:12] x", "[W0101 12:00:01.123456789 a.cpp:12] x"),
        ("Nov 24 12:00:01 host go", "Nov 25 00:00:01 host go"),
        ("11/24/2026 03:04:05 - INFO", "01/02/2025 13:04:05 - INFO"),
        ("in outputs/2026-11-24/12-00-01", "in outputs/2025-01-02/03-04-05"),
        ("after 2 days, 1:02:03", "after 0:00:09"),
        ("Time taken: 12.3", "Time taken: 9.1"),
        ("samples/s: 123.4", "samples/s: 99"),
        ("1 min 5 sec", "2 min 15 sec"),
        ("user 1.2 s, sys: 3 ms, total: 1.21 s", "user 2 s, sys: 13 ms, total: 3.1 s"),
    ],
)
def test_lines_that_differ_only_in_times_and_places_are_the_same(one: str, other: str) -> None:
    normal = Normaliser(RunFolder("/a b/experiments/12"))

    assert normal(one) == normal(other)


def run_at(directory: Path, moment: str) -> RunFolder:
    """Make a run folder of which only the times are known."""
    directory.mkdir()
    times = {"start-time": f"{moment}T22:00:00+00:00", "end-time": f"{moment}T23:00:00+00:00"}
    (directory / "metadata.json").write_text(json.dumps(times))
    return RunFolder(str(directory))


@pytest.mark.parametrize("text", ["day {0}", "at {0} 12:00", "{0}T01:02:03Z", "{1}-120000", "{2}"])
def test_days_count_but_for_those_of_the_run(tmp_path: Path, text: str) -> None:
    old, new = (
        Normaliser(run_at(tmp_path / day, day), ["/p"]) for day in ("2026-11-24", "2026-12-01")
    )
    own = [
        text.format("2026-11-24", "20261124", "1795557000"),
        text.format("2026-12-02", "20261202", "1796162000.25"),
    ]
    datas = [text.format("2012-01-31", "20120131", "1557611200") for _ in own]
    others = text.format("2012-02-29", "20120229", "1638022400")

    assert old(own[0]) == new(own[1])
    assert old(datas[0]) == new(datas[1])
    assert old(datas[0]) != new(others)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("loss 0.5", "loss 0.6"),
        ("saved /home/a/x/model.pt", "saved /home/a/x/other.pt"),
        ("step 3 of 9", "step 4 of 9"),
        ("accuracy: 91.2 %", "accuracy: 91.1 %"),
        ("100%|###| 9/9 [00:01<00:00, loss=1.5]", "100%|###| 9/9 [00:01<00:00, loss=1.6]"),
        ("3/4 correct", "2/4 correct"),
        ("time step 12", "time step 13"),
        ("error in a.py, line 3", "error in a.py, line 4"),
        ("epoch 1 | acc 91% | loss 0.53", "epoch 1 | acc 90% | loss 0.60"),
        ("| model | 91% | 0.5 |", "| model | 91% | 0.6 |"),
        ("acc 91% [best]", "acc 90% [best]"),
        ("mean 0.53 min 0.1 max 0.9", "mean 0.61 min 0.1 max 0.9"),
        ("loss 0.5 seconds: 1.2", "loss 0.6 seconds: 1.2"),
        ("split 80:20", "split 70:30"),
        (" 40%|##   | 4/9 [00:01<00:02, 3it/s]loss 0.5", " 40%|##   | 4/9 [00:01<00:02]loss 0.6"),
        ("score 3:15", "score 3:25"),
        ("velocity 3.4 m/s", "velocity 3.5 m/s"),
        ("km/s: 3.4", "km/s: 3.5"),
        ("eta: 0.1", "eta: 0.3"),
        ("process 100 images", "process 200 images"),
        ("crc 0x1a2b3c4d", "crc 0x1a2b3c4e"),
        ("hash 0x1a2b3c4d5e6f7a8b", "hash 0x1a2b3c4d5e6f7a8c"),
        ("12345678901234", "12345678901235"),
        ("loss=1,in=/a/experiments/12", "loss=2,in=/a/experiments/12"),
    ],
)
def test_lines_that_differ_in_what_counts_are_not(one: str, other: str) -> None:
    normal = Normaliser(RunFolder("/a/experiments/12"))

    assert normal(one) != normal(other)


def test_a_run_is_called_by_its_folder_wherever_that_is() -> None:
    old, new = (Normaliser(RunFolder(f"/a b/experiments/{name}")) for name in ("12", "13"))

    for text in ("wrote {}/m.pt", "in {}", "experiments/{id}/m.pt", "run {id} ends"):
        said = [
            normal.without_id(normal(text.format(f"/a b/experiments/{name}", id=name)) or "")
            for normal, name in ((old, "12"), (new, "13"))
        ]
        assert said[0] == said[1]


def test_lines_that_count_to_the_id_of_a_run_are_the_same(project: Path) -> None:
    count = "for n in 1, 2, 3: print('run', n, __import__('time').time())"
    for _ in range(2):
        meticulous("run", "--", sys.executable, "-c", count, cwd=project)

    code, told = verdict(project)

    assert code == 0, told
    assert told.startswith("identical: ")
    assert "times, paths and the like in 3 lines of stdout" in told


@pytest.mark.parametrize("piece", ["1", "a", "/a", "1|", "1 s ", " ", "1%|", "time "])
def test_a_long_line_takes_no_time(piece: str) -> None:
    normal = Normaliser(RunFolder("/a/experiments/12"))

    started = time.process_time()
    normal(piece * (500_000 // len(piece)) + ".")

    assert time.process_time() - started < 20  # or hours, where it grows with the square


@pytest.mark.parametrize(
    "name", ["time", "train_time", "seconds", "trainSeconds", "epoch_time_s", "eval.runtime"]
)
def test_names_of_times(name: str) -> None:
    assert names_a_time(name)


@pytest.mark.parametrize("name", ["loss", "timesteps", "eta", "times_seen", "sentiment", "theta"])
def test_names_that_are_no_times(name: str) -> None:
    assert not names_a_time(name)


def test_long_lines_are_not_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    path.write_bytes(b"a\n" + b"\r".join(b"%d%%" % n for n in range(400_000)) + b"\nend")

    with open(path, "rb") as file:
        found = list(lines(file))

    assert found[0] == "a"
    assert found[-2].endswith("399999%")
    assert found[-1] == "end"
    assert max(map(len, found)) < 2_000_000


def test_tolerance() -> None:
    nan = float("nan")
    near = Tolerance(1e-3, 0)
    assert near.compare(nan, nan) == "same"
    assert near.compare(1, 1.0) == "same"
    assert near.compare(True, 1) == "different"
    assert near.compare(1000, 1000.5) == "near"
    assert near.compare(1000, 1002) == "different"
    assert near.compare(float("inf"), 1e308) == "different"
    assert near.compare(10**400, 10**400) == "same"
    assert near.compare(10**400, 10**401) == near.compare(10**400, 1.5) == "different"
    assert near.compare("a", "a") == "same"
    assert near.compare(None, 0) == "different"
    assert line_is_near("loss 0.5000, acc 3", "loss 0.50001, acc 3", near)
    assert not line_is_near("loss 0.5000", "lost 0.5000", near)
    assert not line_is_near("loss 0.5", "loss 0.6", near)
    assert dict(leaves({"a": {"b": [1, {}]}})) == {"a.b.0": 1, "a.b.1": {}}
