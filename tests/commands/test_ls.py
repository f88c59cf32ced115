"""`meticulous ls` and its relatives, as they are typed."""

from __future__ import annotations

import io
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pexpect
import pytest

from meticulous.runfolder import RunFolder
from tests.asking_support import make_run
from tests.conftest import git, meticulous

SIGNIFICANCE = {32: [19.1, 20.2, 19.4], 16: [18.0, 17.5, 19.1], 8: [15.0, 14.5, 16.0]}
EXAMPLE = [
    "--filter", "args_xval_strategy=='xval'",
    "--groupby", "args_k,args_method,args_n_estimators",
    "--columns", "summary_significance_mean,summary_significance_std",
    "--sort", "summary_significance_mean",
]  # fmt: skip
COLUMNS = [
    "args_k", "args_method", "args_n_estimators",
    "summary_significance_mean", "summary_significance_std",
]  # fmt: skip


@pytest.fixture
def project(repository: Path) -> Path:
    """Thirteen k-means runs: three values of k, three repetitions, and some that do not count."""
    number = 0
    for k, values in SIGNIFICANCE.items():
        for seed, value in enumerate(values):
            number += 1
            args = {"k": k, "method": "KMeans", "n_estimators": 1, "xval_strategy": "xval"}
            make_run(
                repository / "experiments", number, {**args, "seed": seed}, {"significance": value}
            )
        number += 1
        make_run(
            repository / "experiments",
            number,
            {**args, "xval_strategy": "none"},
            {"significance": 99},
        )
    trace = "Traceback (most recent call last):\n  …\nValueError: no k"
    make_run(repository / "experiments", 13, status="ERROR", message=trace, tags=["broken"])
    return repository


def table(output: bytes) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.decode().splitlines()]


def expected() -> list[list[object]]:
    return [
        [k, "KMeans", 1, statistics.mean(values), statistics.stdev(values)]
        for k, values in SIGNIFICANCE.items()
    ]


def test_the_example_of_the_spec_gives_its_table(project: Path) -> None:
    done = meticulous("experiments/", *EXAMPLE, "--export", "table.md", cwd=project)

    header, *lines = table(done.stdout)
    assert (0, COLUMNS) == (done.returncode, header)
    assert ["32", "16", "8"] == [line[0] for line in lines]
    exported = (project / "table.md").read_text().splitlines()
    assert COLUMNS == [cell.strip() for cell in exported[0].split("|")[1:-1]]
    assert "| 32 | KMeans | 1 | 19.5667 | 0.568624 |" == re.sub(" +", " ", exported[2])


@pytest.mark.parametrize("ending", ["csv", "json", "pd", "parquet", "xlsx", "html", "md", "tex"])
def test_each_export_of_the_example_equals_the_table(project: Path, ending: str) -> None:
    module = {"parquet": "pyarrow", "xlsx": "openpyxl", "html": "lxml"}.get(ending)
    if module:
        pytest.importorskip(module)
    path = project / f"table.{ending}"

    done = meticulous("ls", "experiments", *EXAMPLE, "--export", path, cwd=project)

    assert (0, b"") == (done.returncode, done.stderr.partition(b"wrote 3 rows")[0][12:])
    frame = _read(path, ending)
    assert COLUMNS == list(frame.columns)
    exact = ending in ("csv", "json", "pd", "parquet")
    for line, values in zip(frame.itertuples(index=False), expected(), strict=True):
        assert values[:3] == list(line)[:3]
        assert pytest.approx(values[3:], rel=1e-15 if exact else 1e-5) == list(line)[3:]


def _read(path: Path, ending: str) -> pd.DataFrame:
    if ending in ("csv", "parquet"):
        return getattr(pd, f"read_{ending}")(path)  # type: ignore[no-any-return]
    if ending == "json":
        return pd.DataFrame(json.loads(path.read_bytes()))
    if ending == "pd":
        return pd.read_pickle(path)  # type: ignore[no-any-return]
    if ending == "xlsx":
        return pd.read_excel(path)
    if ending == "html":
        return pd.read_html(path)[0]
    lines = path.read_text().replace("\\_", "_").splitlines()
    if ending == "tex":
        rows = [line.rstrip("\\").split("&") for line in lines if "&" in line]
    else:
        rows = [line.split("|")[1:-1] for line in lines if not line.startswith(("|-", "|:"))]
    text = "\n".join(",".join(cell.strip() for cell in row) for row in rows)
    return pd.read_csv(io.StringIO(text))


def test_underscores_and_dashes_and_spaces_are_all_taken(project: Path) -> None:
    one = meticulous(
        "ls", "--groupby", "args_k, args_method", "--sort", "args_k", "--sort-reverse",
        "--no_header", "--columns", "runs", cwd=project,
    )  # fmt: skip
    other = meticulous(
        "ls", "--groupby", "args_k", "args_method", "--sort", "args_k", "--sort_reverse",
        "--no-header", "--columns", "runs", cwd=project,
    )  # fmt: skip

    assert [
        ["8", "KMeans", "4"],
        ["16", "KMeans", "4"],
        ["32", "KMeans", "4"],
        ["-", "-", "1"],
    ] == (table(one.stdout))
    assert one.stdout == other.stdout


def test_sorting_puts_the_largest_first_and_tail_takes_the_last(project: Path) -> None:
    words = ["ls", "--columns", "expid", "--no-header", "--sort", "summary_significance,expid"]

    sorted_down = meticulous(*words, cwd=project).stdout.split()
    last = meticulous(*words, "--tails", "3", cwd=project).stdout.split()
    up = meticulous(*words, "--sort_reverse", "--tail", "2", cwd=project).stdout.split()
    first = meticulous(*words, "--head", "2", cwd=project).stdout.split()

    assert [b"12", b"8", b"4", b"2", b"3"] == sorted_down[:5]
    assert sorted_down[-3:] == last
    assert [b"12", b"13"] == up
    assert sorted_down[:2] == first


def test_a_pipe_gets_whole_values_of_every_run(project: Path) -> None:
    header, *lines = table(meticulous("ls", cwd=project).stdout)

    assert 13 == len(lines)
    assert [
        "expid", "status", "tags", "args_k", "args_xval_strategy", "args_seed",
        "summary_significance", "start_time", "duration", "status_message",
    ] == header  # fmt: skip
    last = dict(zip(header, lines[-1], strict=True))
    assert ("ERROR", "ValueError: no k", "-") == (
        last["status"], last["status_message"], last["args_k"],
    )  # fmt: skip


def test_wide_has_every_column_with_whole_values(project: Path) -> None:
    header, *lines = table(meticulous("ls", "--wide", cwd=project).stdout)

    assert 13 == len(lines)
    assert ["expid", "sha", "curexpdir"] == header[:3]
    last = dict(zip(header, lines[-1], strict=True))
    assert ("ERROR", "ValueError: no k", "-", "-") == (
        last["status"], last["status_message"], last["args_k"], last["args_method"],
    )  # fmt: skip
    assert "experiments/13" == last["curexpdir"]


def test_tabs_stand_between_the_values_where_that_is_asked(project: Path) -> None:
    piped = table(meticulous("ls", cwd=project).stdout)
    lines = meticulous("ls", "--tsv", cwd=project).stdout.decode().splitlines()

    assert piped == [line.split("\t") for line in lines]


def test_an_export_to_stdout_is_the_whole_table(project: Path) -> None:
    whole = meticulous("ls", "--export", "runs.csv", cwd=project)
    done = meticulous("ls", "--export", "-", cwd=project)
    groups = meticulous("ls", "--groupby", "args", "--export=-.md", cwd=project)

    assert (0, b"") == (done.returncode, done.stderr)
    assert (project / "runs.csv").read_bytes() == done.stdout != whole.stdout
    assert b"|   k | xval_strategy   |   runs |" in groups.stdout


def test_json_has_all_columns_of_each_run(project: Path) -> None:
    rows = json.loads(meticulous("ls", "--json", "--status", "error", cwd=project).stdout)

    assert ["broken"] == [row["tags"] for row in rows]
    assert "Traceback" in rows[0]["status_message"]
    assert ["python", "train.py"] == rows[0]["metadata_command"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--tag", "broken"], 1),
        (["--tag", "brok"], 0),
        (["--status", "SUCCESS,ERROR"], 13),
        (["--since", "2026-01-05T09:10+00:00"], 4),
        (["--since", "1w"], 0),
        (["--filter", "args_method.str.startswith('KM')"], 12),
        (["--filter", "metadata_command.str.contains('python train')"], 13),
        (["--filter", "metadata_tags.str.contains('broken')"], 1),
        (["--filter", "metadata_usage_wall > 1 and args_method.str.contains('x')"], 0),
        (["--filter", "args_k in [8, 16] and not args_seed > 0"], 4),
    ],
)
def test_runs_can_be_picked(project: Path, words: list[str], count: int) -> None:
    done = meticulous("ls", "--no-header", *words, cwd=project)

    assert (0, count) == (done.returncode, len(done.stdout.splitlines()))


def test_seeds_are_one_experiment(project: Path) -> None:
    done = meticulous("ls", "--groupby", "args", "--export", "paper.tex", cwd=project)

    header, *lines = table(done.stdout)
    assert ["args_k", "args_method", "args_n_estimators", "args_xval_strategy", "runs"] == header[
        :5
    ]
    assert [["8", "KMeans", "1", "none", "1"], ["8", "KMeans", "1", "xval", "3"]] == [
        line[:5] for line in lines[:2]
    ]
    paper = (project / "paper.tex").read_text()
    assert r"15.17 $\pm$ 0.76 (3)" in paper
    assert r"\toprule" in paper


def test_the_names_of_seeds_are_a_setting(project: Path) -> None:
    (project / "meticulous.yaml").write_text("seeds: [seed, xval_*]\n")

    done = meticulous("ls", "--groupby", "args", "--columns", "runs", "--no-header", cwd=project)

    assert [["8", "KMeans", "1", "4"], ["16", "KMeans", "1", "4"]] == table(done.stdout)[:2]


def test_columns_are_listed_with_what_they_hold(project: Path) -> None:
    lines = meticulous("ls", "--list-columns", cwd=project).stdout.decode().splitlines()

    assert "args_k 12 32, 16, 8" in [re.sub(" +", " ", line) for line in lines]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--filter", "args_k ="], "cannot understand the filter"),
        (["--filter", "args_q > 1"], "no column `args_q`"),
        (["--filter", "@x"], "cannot use @ names"),
        (["--sort", "summary_significanc"], "did you mean `summary_significance`?"),
        (["--columns", "summary_significance_mean"], "did you mean `summary_significance`?"),
        (["--groupby", "args_kk"], "did you mean `args_k`?"),
        (["--filter", "n_estimators > 1"], "did you mean `args_n_estimators`?"),
        (["--columns", "significance"], "did you mean `summary_significance`?"),
        (["--sort", "exit-code"], "did you mean `metadata_exit-code`?"),
        (["--filter", "status == SUCCESS"], "put text in quotes: status == 'success'"),
        (["--filter", "args_method != KMeans"], "put text in quotes: args_method != 'kmeans'"),
        (["--filter", "args_k < args_kk"], "did you mean `args_k`?"),
        (["--filter", "args_k < k"], "did you mean `args_k`?"),
        (["--filter", "'train' in metadata_command"], "metadata_command.str.contains('train')"),
        (["--groupby", "args_k", "--sort", "summary_significanc"], "`summary_significance`?"),
        (["--status", "FAILED"], "there is no status 'failed'. give running, success, error, lost"),
        (["experiments/13"], "experiments/13 is a run"),
        (["--export", "table.txt"], "unknown ending"),
        (["--export", "missing/table.csv"], "cannot write"),
        (["--since", "soon"], "cannot understand --since"),
        (["--sort_reverse"], "--sort_reverse needs --sort"),
        (["--tails", "-1"], "cannot be negative"),
        (["nowhere"], "there is no experiments directory"),
        (["train.py"], "is a file"),
    ],
)
def test_what_cannot_be_done_is_one_message(project: Path, words: list[str], message: str) -> None:
    done = meticulous("ls", *words, cwd=project)

    assert done.returncode in (1, 2)
    assert b"" == done.stdout or "--export" in words
    assert message.lower() in done.stderr.decode().lower()
    assert 1 == len(done.stderr.splitlines())


def test_an_empty_directory_is_no_error(repository: Path) -> None:
    (repository / "experiments").mkdir()

    done = meticulous("ls", cwd=repository)

    assert (0, b"") == (done.returncode, done.stderr)


def test_a_broken_run_is_named_and_the_others_listed(project: Path) -> None:
    (project / "experiments" / "2" / "summary.json").write_text("{]")

    done = meticulous("ls", "--columns", "expid", "--no-header", cwd=project)

    assert 12 == len(done.stdout.splitlines())
    assert b"cannot read experiments/2/summary.json" in done.stderr


def screen(project: Path, words: list[str], columns: int) -> list[str]:
    """Return the lines that a terminal of this width gets, without colours."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "meticulous", *words],
        cwd=str(project),
        dimensions=(40, columns),
        env=environment,
    )
    output = child.read().decode()
    child.close()
    assert 0 == child.exitstatus, output
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", output).splitlines()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_table_fits_in_the_terminal(project: Path, columns: int) -> None:
    lines = screen(project, ["ls"], columns)

    assert all(len(line) <= columns for line in lines if not line.startswith("no room"))
    assert lines[0].startswith("all 13 runs: method=KMeans  n_estimators=1"[: columns - 1])
    assert any("ERROR" in line for line in lines)


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_runs_that_find_no_room_side_by_side_follow_below(project: Path, columns: int) -> None:
    lines = screen(project, ["compare", "1-13"], columns)

    heads = [line.split() for line in lines if re.fullmatch(r" +[\d ]+", line)]
    assert [str(number) for number in range(1, 14)] == [word for head in heads for word in head]
    assert columns < 200 or len(heads) <= 2
    assert max(len(line) for line in lines) <= max(
        columns, len("summary_significance  01-05 09:00")
    )


def test_a_low_terminal_shows_the_last_rows_and_says_how_many_there_are(
    repository: Path, monkeypatch
) -> None:
    monkeypatch.setenv("GIT_PAGER", "cat")
    for number in range(1, 61):
        make_run(repository / "experiments", number, {"k": number}, {"loss": number / 100})

    plain = screen(repository, ["ls"], 80)
    by_loss = screen(repository, ["ls", "--sort", "summary_loss"], 80)
    asked = screen(repository, ["ls", "--tails", "55"], 80)
    every = screen(repository, ["ls", "--all"], 80)

    assert len(plain) < 40
    assert "60" == plain[-2].split()[0]
    assert f"{60 - len(plain) + 3} earlier runs (--all shows them)" == plain[-1]
    assert ["60", "59"] == [line.split()[0] for line in by_loss[2:4]]
    assert by_loss[-1].endswith("further runs (--all shows them)")
    assert (55, 60) == (len(asked) - 2, len(every) - 2)


def test_all_rows_go_through_the_pager(repository: Path, monkeypatch) -> None:
    for number in range(1, 61):
        make_run(repository / "experiments", number, {"k": number})
    monkeypatch.setenv("GIT_PAGER", "sed 's/^/paged /'")

    lines = screen(repository, ["ls", "--all"], 80)

    assert 62 == sum(line.startswith("paged ") for line in lines)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["2-4"], "2 3 4"),
        (["13", "1,2"], "1 2 13"),
        (["@broken"], "13"),
        (["last", "experiments"], "13"),
        (["2-4", "--filter", "args_seed > 1"], "3"),
        (["worst:summary_significance", "--columns", "expid"], None),
    ],
)
def test_runs_can_be_named(project: Path, words: list[str], ids: str | None) -> None:
    done = meticulous("ls", *words, "--columns", "expid", "--no-header", cwd=project)

    if ids is None:
        assert (2, b"") == (done.returncode, done.stdout)
        assert b"worst:-summary_significance" in done.stderr
    else:
        assert ids == " ".join(done.stdout.decode().split())


def test_runs_and_a_directory_may_follow_a_list_of_columns(project: Path) -> None:
    done = meticulous(
        "ls",
        "--sort",
        "expid",
        "--no-header",
        "--columns",
        "expid",
        "2-4",
        "experiments/",
        cwd=project,
    )

    assert ["4", "3", "2"] == done.stdout.decode().split()


def test_nested_arguments_are_opened_where_they_are_named(repository: Path) -> None:
    make_run(repository / "experiments", 1, {"fit": {"lr": 0.1}})

    shown = screen(repository, ["ls", "--columns", "args_*"], 80)
    piped = meticulous("ls", "--columns", "args_*", "--no-header", cwd=repository).stdout

    assert ["args_", "fit.lr", "   0.1"] == shown
    assert b'{"lr": 0.1}\n' == piped


def test_a_status_is_told_in_full_as_the_key_of_groups(project: Path) -> None:
    shown = screen(project, ["ls", "--groupby", "status"], 80)

    assert ["ERROR", "SUCCESS"] == [line.split()[0] for line in shown[2:]]


def test_a_directory_goes_before_a_run_of_that_name(project: Path) -> None:
    (project / "12").mkdir()

    assert b"expid" in meticulous("ls", "12", cwd=project).stdout
    assert 1 == len(meticulous("ls", "12", cwd=project).stdout.splitlines())
    done = meticulous("ls", "experiments", "elsewhere", cwd=project)
    assert (2, True) == (done.returncode, b"elsewhere is a second directory" in done.stderr)


def test_watching_shows_a_run_that_comes_later(project: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "meticulous", "ls", "--watch", "0.1s"],
        cwd=str(project),
        dimensions=(40, 80),
        timeout=60,
    )
    child.expect("no k")
    make_run(project / "experiments", 14, status="ERROR", message="it came later")
    child.expect("it came later")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()

    assert 130 == (child.exitstatus or 128 + child.signalstatus)


def test_colour_is_for_terminals_that_want_it(project: Path, monkeypatch) -> None:
    def raw() -> bytes:
        child = pexpect.spawn(sys.executable, ["-m", "meticulous", "ls"], cwd=str(project))
        output: bytes = child.read()
        child.close()
        return output

    coloured = raw()
    monkeypatch.setenv("NO_COLOR", "1")

    assert b"\x1b[31mERROR\x1b[0m" in coloured
    assert b"\x1b" not in raw()


def test_a_hostile_value_cannot_draw_on_the_terminal(repository: Path) -> None:
    make_run(
        repository / "experiments", 1, {"x": "\x1b]0;title\x07\x1b[2J"}, status="ERROR",
        message="\x1b[2Jno", description="a\rb",
    )  # fmt: skip
    for words in (["ls"], ["show", "1"], ["ls", "--list-columns"], ["compare", "1"]):
        output = meticulous(*words, cwd=repository).stdout

        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", output)


def test_a_run_in_the_place_of_a_tag_is_refused(project: Path) -> None:
    done = meticulous("tag", "1", "2", "+best", cwd=project)
    of_name = meticulous("tag", "1", "+2", cwd=project)

    assert (2, b"") == (done.returncode, done.stdout)
    assert b"2 is a run, not a tag. Write `meticulous tag 1,2 +best`" in done.stderr
    assert (0, b"1  2\n") == (of_name.returncode, of_name.stdout)


def test_show_opens_nested_arguments_and_tells_first_what_is_no_default(repository: Path) -> None:
    make_run(
        repository / "experiments", 1, {"a": 1, "fit": {"lr": 0.5, "k": 2}}, {"test": {"acc": 0.5}},
        default_args={"a": 1, "fit": {"lr": 0.1, "k": 2}},
    )  # fmt: skip

    shown = meticulous("show", "1", cwd=repository).stdout.decode()

    assert "arguments\n  fit.lr  0.5  (default 0.1)\n  a       1\n  fit.k   2\n" in shown
    assert "summary\n  test.acc  0.5\n" in shown


def test_show_has_everything(project: Path) -> None:
    shown = meticulous("show", "13", cwd=project).stdout.decode()
    (record,) = json.loads(meticulous("show", "--json", "last", cwd=project).stdout)

    assert "run 13  ERROR  ValueError: no k" == shown.splitlines()[0]
    for part in ("python train.py", "970d8ad001f5", "broken", "  Traceback (most recent"):
        assert part in shown
    assert (13, "ERROR", ["broken"]) == (
        record["expid"], record["status"], record["metadata"]["tags"],
    )  # fmt: skip


def test_path_prints_one_absolute_path_a_line(project: Path) -> None:
    done = meticulous("path", "1-2", "last", "1", "--json", cwd=project)

    paths = [os.path.realpath(project / "experiments" / name) for name in ("1", "2", "13")]
    assert paths == [os.path.realpath(path) for path in json.loads(done.stdout)]


def test_diff_shows_only_what_differs(project: Path) -> None:
    shown = meticulous("diff", "1", "5", cwd=project).stdout.decode()
    found = json.loads(meticulous("diff", "1", "5", "--json", cwd=project).stdout)
    nothing = meticulous("diff", "1", "1", cwd=project).stdout

    assert {"arguments": {"k": [32, 16]}, "summary": {"significance": [19.1, 18.0]}} == found
    assert ["arguments  run 1  run 5", "k          32     16     -50.0 %"] == (
        shown.splitlines()[:2]
    )
    assert b"run 1 and run 1 do not differ.\n" == nothing


def test_diff_of_packages_and_code(repository: Path) -> None:
    shas = []
    for number, version in enumerate(["1.0", "2.0"], 1):
        (repository / "train.py").write_text(f"print({number})\n")
        git(repository, "commit", "-qam", f"change {number}")
        shas.append(git(repository, "rev-parse", "HEAD").strip())
        run = make_run(repository / "experiments", number, githead_sha=shas[-1])
        run.write_json("environment.json", {"packages": {"numpy": version, "pip": "1"}})

    found = json.loads(meticulous("diff", "1", "last", "--json", cwd=repository).stdout)
    code = meticulous("diff", "1", "2", "--code", cwd=repository).stdout.decode()

    assert {"packages": {"numpy": ["1.0", "2.0"]}, "code": {"githead-sha": shas}} == found
    assert "-print(1)\n+print(2)\n" in code


def test_diff_of_code_that_is_gone_is_a_message(project: Path) -> None:
    done = meticulous("diff", "1", "2", "--code", cwd=project)

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))


def test_compare_tells_the_distance_from_the_first_run_and_the_best(repository: Path) -> None:
    common = "data/" + "x" * 60
    for number, (lr, acc) in enumerate([(0.1, 0.8), (0.2, 0.824), (0.2, 0.7)], 1):
        args = {"fit": {"lr": lr, "data": f"{common}/v{number}"}, "k": 1}
        make_run(repository / "experiments", number, args, {"val_acc": acc, "iou": acc, "n": 7})

    lines = [
        re.split(r" {2,}", line.strip()) for line in screen(repository, ["compare", "1-3"], 80)
    ]

    assert ["fit.lr", "0.1", "0.2", "0.2"] in lines
    assert ["val_acc", "0.800", "0.824* +3.0 %", "0.700 -12.5 %"] in lines
    assert ["iou", "0.800", "0.824 +3.0 %", "0.700 -12.5 %"] in lines  # nobody knows what is better
    (data,) = [line for line in lines if line[0] == "fit.data"]
    assert [True] * 3 == [cell.endswith(f"/v{place}") for place, cell in enumerate(data[1:], 1)]
    assert not [line for line in lines if line[0] in ("k", "n")]


def test_diff_has_the_first_difference_of_long_values_in_view(repository: Path) -> None:
    for number, word in enumerate(["left", "right"], 1):
        text = "the same " * 20 + word + " and so on" * 20
        make_run(repository / "experiments", number, {"prompt": text})

    shown = screen(repository, ["diff", "1", "2"], 80)

    (line,) = [line for line in shown if line.startswith("prompt")]
    assert "left and" in line and "right an" in line
    assert max(map(len, shown)) <= 80


def test_compare_has_a_column_for_each_run(project: Path) -> None:
    lines = table(meticulous("compare", "1,5,9", cwd=project).stdout)

    assert ["1", "5", "9"] == lines[0]
    assert ["args_k", "32", "16", "8"] in lines
    assert not [line for line in lines if line[0] == "args_method"]


def test_a_folder_of_the_original_system_is_listed(repository: Path) -> None:
    folder = RunFolder(str(repository / "experiments" / "1"))
    os.makedirs(folder.path)
    folder.write_status("SUCCESS")
    folder.write_json(
        "metadata.json", {"githead-sha": "970d8ad", "timestamp": "2020-11-02T12:48:36"}
    )

    (row,) = json.loads(meticulous("experiments/", "--json", cwd=repository).stdout)

    assert ("970d8ad", "SUCCESS", 1) == (row["sha"], row["status"], row["expid"])


def test_plain_ls_and_simple_filters_load_no_pandas(project: Path) -> None:
    code = (
        "import sys; from meticulous.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print('pandas' in sys.modules, 'tabulate' in sys.modules)\n"
    )
    words = ["ls", "--filter", "args_k > 8 and status == 'SUCCESS'", "--sort", "args_k"]
    for some in (words, [*words, "--groupby", "args_k"], ["ls", "--tail", "3"], ["show", "last"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *some],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("False False\n")


def test_no_match_is_an_empty_table(project: Path) -> None:
    done = meticulous("ls", "--status", "LOST", cwd=project)
    rows = meticulous("ls", "--status", "LOST", "--json", cwd=project)
    groups = meticulous("ls", "--status", "LOST", "--groupby", "args_k", "--json", cwd=project)

    assert (0, b"expid") == (done.returncode, done.stdout.split()[0])
    assert (1, b"[]", b"[]") == (
        len(done.stdout.splitlines()), rows.stdout.strip(), groups.stdout.strip(),
    )  # fmt: skip
