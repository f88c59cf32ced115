"""``meticulous report``: what is in the page; that nothing in it is markup, and nothing lost."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meticulous.query.rows import read_row
from meticulous.report import curves, page, runs
from tests.asking_support import make_run
from tests.conftest import meticulous

STATIC = Path(page.__file__).parent / "static"
HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e\u2028"


def make(directory: Path, number: int, lines: list[dict[str, Any]], **args: Any) -> dict[str, Any]:
    folder = make_run(directory, number, args, {"loss": 1 / number})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    Path(folder.file("metrics.jsonl")).write_text(text)
    row = read_row(folder)
    assert row is not None
    return {**row, "curexpdir": folder.path}


def numbers(curve: dict[str, Any]) -> Any:
    content = base64.b64decode(curve["y"])
    return np.frombuffer(content, f"<f{curve['size']}").reshape(len(curve["runs"]), -1)


def data_of(content: str) -> Any:
    (text,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', content, re.DOTALL
    )
    return json.loads(text)


def test_few_places_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [
        make(
            tmp_path, 1, [{"step": s, "time": 9.0 + s, "loss": v} for s, v in ((0, 1), (5, "NaN"))]
        ),
        make(tmp_path, 2, [{"step": s, "loss": v} for s, v in ((0, 3), (2, 1e300), (5, "x"))]),
    ]

    found = curves.packed(rows)

    (loss,) = found["curves"]
    assert (True, [0, 2, 5], [0, 1], 8) == tuple(loss[k] for k in ("exact", "x", "runs", "size"))
    assert ["1.0", "nan", "nan", "3.0", "1e+300", "nan"] == [str(v) for v in numbers(loss).ravel()]
    assert (1, [5], "NaN") == tuple(loss["about"][0][k] for k in ("lost", "marks", "last"))
    assert {"0": [[0, 5], [0, 5]]}["0"] == found["axes"]["relative"][0]


def test_of_many_places_the_extremes_stay_in_their_order(tmp_path: Path) -> None:
    values = [math.sin(s / 50) for s in range(4000)]
    values[1234], values[1240], values[3999] = 9.0, -9.0, 0.25

    (loss,) = curves.packed(
        [make(tmp_path, 1, [{"step": s, "loss": v} for s, v in enumerate(values)])]
    )["curves"]

    low, high, parts = loss["x"]
    assert (False, 0, 3999) == (loss["exact"], low, high)
    found = numbers(loss)[0].reshape(parts, 4)
    part = int(1234 / 3999 * parts)
    inside = [v for s, v in enumerate(values) if min(int(s / 3999 * parts), parts - 1) == part]
    assert max(inside) in found[part][:2]
    assert (9.0, -9.0, 0.25) == (np.nanmax(found), np.nanmin(found), found[-1][2])
    where = found.tolist().index(max(found.tolist(), key=lambda p: max(p[:2])))
    assert list(found[where][:2]) == sorted(
        found[where][:2], key=[*inside].index if where == part else None
    )
    assert pytest.approx(sum(inside) / len(inside), rel=1e-5) == found[part][3]


def test_the_scripts_that_the_policy_allows_are_those_of_the_page() -> None:
    content = page.page(HOSTILE, {"title": HOSTILE})

    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', content)
    policy = html.unescape(policy)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    blocks = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    blocks += re.findall(r"<style>(.*?)</style>", content, re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in blocks}
    assert digests == {*re.findall(r"sha256-([^']+)'", policy)}
    assert "<img" not in content
    assert {"title": HOSTILE} == data_of(content)


def test_each_module_stands_before_those_that_import_it() -> None:
    assert {*page.MODULES} == {path.name for path in STATIC.glob("*.js")}
    for place, name in enumerate(page.MODULES):
        imported = re.findall(r'from "\./([\w.]+)"', (STATIC / name).read_text())
        assert {*imported} <= {*page.MODULES[:place]}
    assert not re.search(r"^(import|export)\b", page.bundle(), re.MULTILINE)


def test_what_is_vendored_is_what_its_manifest_says() -> None:
    manifest = json.loads((STATIC / "vendored/manifest.json").read_text())

    for package in manifest.values():
        for name, digest in package["sha256"].items():
            content = (STATIC / "vendored" / name).read_bytes()
            assert digest == hashlib.sha256(content).hexdigest(), name


def test_the_command(tmp_path: Path) -> None:
    directory = tmp_path / "experiments"
    directory.mkdir()
    for number in (1, 2, 3):
        make(directory, number, [{"step": 0, "loss": 1, "acc": 2}], lr=number, note=HOSTILE)
    (directory / "2" / "stdout").write_bytes(b"one\rtwo\nend " + HOSTILE.encode() + b"\xff")

    done = meticulous("report", "2-3", "loss", "-o", "r.html", "--title", HOSTILE, cwd=tmp_path)

    assert (0, b"") == (done.returncode, done.stdout), done.stderr
    assert b"meticulous: wrote 2 runs to r.html, " in done.stderr
    content = (tmp_path / "r.html").read_text()
    assert "<img" not in content
    data = data_of(content)
    assert (HOSTILE, ["loss"]) == (data["title"], [one["name"] for one in data["curves"]])
    assert ["2", [["args_lr", "2", "3"], ["summary_loss", "0.5", "0.3333333333333333"]]] == [
        *data["runs"][1]["before"].values()
    ]
    assert "two\nend </script>" in data["runs"][0]["log"]["stdout"]
    assert ["lr=2", "lr=3"] == [run["label"] for run in data["runs"]]
    assert ["r.html"] == [path.name for path in tmp_path.glob("r.html*")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["9"], "there is no run 9"),
        (["1", "los"], "no such metric: 'los'. Did you mean 'loss'?"),
        (["--filter", "expid > 5"], "no run matches"),
        (["-o", "no/r.html"], "cannot write no/r.html: No such file or directory"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "experiments").mkdir()
    make(tmp_path / "experiments", 1, [{"step": 0, "loss": 1}])

    done = meticulous("report", *words, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert f"meticulous: {said}" in done.stderr.decode()


def test_two_hundred_runs_stay_small(tmp_path: Path) -> None:
    steps = [{"step": s, "loss": s * 0.37 % 1} for s in range(3000)]
    rows = [make(tmp_path, number, steps) for number in range(1, 9)]

    found = curves.packed(rows * 25)

    assert len(found["curves"][0]["runs"]) == 200
    assert len(json.dumps(found)) < 2_500_000


def test_a_pipe_in_the_place_of_the_output_is_not_waited_for(tmp_path: Path) -> None:
    row = make(tmp_path, 1, [{"step": 0, "loss": 1}])
    os.mkfifo(Path(row["curexpdir"], "stderr"))
    Path(row["curexpdir"], "stdout").write_text("said\n")

    (found,) = runs.details([row], [row])["runs"]

    assert {"stdout": "said"} == found["log"]
