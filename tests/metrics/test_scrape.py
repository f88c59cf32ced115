"""What is read from printed lines: each preset on lines as the tool of its name prints them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from meticulous.errors import SettingsError
from meticulous.metrics.scrape import PRESETS, Scraper, check, from_output
from meticulous.runfolder import RunFolder

PRINTED: dict[str, Any] = {
    "pairs": (
        "step 3: loss=1e-3 acc: 0.5 at 12:30:45\nhttp://host:80 and 10:20\niter=4, loss = nan\n",
        [(3, {"loss": 0.001, "acc": 0.5}), (4, {"loss": math.nan})],
    ),
    "trainer": (
        "{'loss': 0.25, 'grad_norm': inf, 'learning_rate': 5e-05, 'epoch': 0.5}\n"
        "{'eval_loss': '1.75', 'epoch': '1.0'}\n{'a': 'word'}\n",
        [
            (0.5, {"loss": 0.25, "grad_norm": math.inf, "learning_rate": 5e-05, "epoch": 0.5}),
            (1, {"eval_loss": 1.75, "epoch": 1}),
        ],
    ),
    "keras": (
        "Epoch 1/2\n\x1b[1m2/4\x1b[0m - loss: 9.0\r\x1b[1m4/4\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m"
        "\x1b[0m \x1b[1m0s\x1b[0m 9ms/step - loss: 0.4150 - val_loss: 0.2\nEpoch 2/2\n"
        "4/4 - 0s - 3ms/step - loss: 0.3\n",
        [(1, {"loss": 0.415, "val_loss": 0.2}), (2, {"loss": 0.3})],
    ),
    "tqdm": (
        " 30%|███       | 3/10 [00:01<00:02,  5.00it/s, loss=0.5, lr=1e-3]\r",
        [(3, {"loss": 0.5, "lr": 0.001})],
    ),
    "lightning": (
        "Epoch 1: 100%|██████████| 4/4 [00:00<00:00, 200.1it/s, v_num=0, train_loss=0.250]\r",
        [(4, {"train_loss": 0.25, "epoch": 1})],
    ),
    "xgboost": (
        "[0]\ttrain-rmse:4.5\teval-rmse:4.75\n[10:00:00] WARNING: no round\n",
        [(0, {"train-rmse": 4.5, "eval-rmse": 4.75})],
    ),
    "lightgbm": (
        "[10]\tvalid_0's l2: 1.5\tvalid_0's auc: 0.75\n[LightGBM] [Info] Total Bins 66\n",
        [(10, {"valid_0's l2": 1.5, "valid_0's auc": 0.75})],
    ),
    "ultralytics": (
        "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "        1/3         0G      1.119      1.526      1.215         13        640:  50%|██\r"
        "        1/3         0G      1.111      1.522      1.214         13        640: 100%|███\n",
        [(1, {"box_loss": 1.111, "cls_loss": 1.522, "dfl_loss": 1.214, "Instances": 13})],
    ),
    "nanogpt": (
        "step 250: train loss 2.5, val loss 2.75\niter 7: loss 2.125, time 30.50ms, mfu 3.25%\n",
        [(250, {"train_loss": 2.5, "val_loss": 2.75}), (7, {"loss": 2.125, "time": 30.5, "mfu": 3.25})],
    ),
    "megatron": (
        " [2026-11-25 10:00:00] iteration       10/     100 | consumed samples:          160 |"
        " elapsed time per iteration (ms): 500.5 | learning rate: 1.000000E-05 |"
        " lm loss: 9.250000E+00 | number of skipped iterations:   0 |\n",
        [
            (
                10,
                {
                    "consumed samples": 160,
                    "elapsed time per iteration (ms)": 500.5,
                    "learning rate": 1e-05,
                    "lm loss": 9.25,
                    "number of skipped iterations": 0,
                },
            )
        ],
    ),
}  # fmt: skip


def _points(preset, content, size):
    scraper = Scraper(preset)
    found: list[Any] = []
    for start in range(0, len(content), size):
        found += scraper.feed(content[start : start + size])
    found += scraper.end()
    return [(point.step, point.values) for _, point in found]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_reads_what_its_tool_prints_however_it_is_cut(preset, size):
    text, expected = PRINTED[preset]
    found = _points(preset, text.encode(), size)
    assert [step for step, _ in expected] == [step for step, _ in found]
    for (_, wanted), (_, values) in zip(expected, found, strict=True):
        assert pytest.approx(wanted, nan_ok=True) == values


def test_a_pattern_of_named_groups_gives_values_and_the_step():
    found = _points(r"it (?P<step>\d+): (?P<loss>\S+)", b"it 5: 0.5\nit 6: 1,234.5\nit x\n", 100)
    assert [(5, {"loss": 0.5}), (6, {"loss": 1234.5})] == found


def test_groups_name_and_value_take_the_name_from_the_line():
    assert [(0, {"acc": 0.5})] == _points(r"(?P<name>\w+) is (?P<value>\S+)", b"acc is 0.5\n", 100)


def test_a_pattern_that_backtracks_for_ever_is_given_up():
    scraper = Scraper(r"(?P<loss>(1+)+)$")
    content = b"1" * 60 + b"!\n"
    assert [] == list(scraper.feed(content * 5))
    assert "given up" in str(scraper.trouble)
    list(scraper.end())


@pytest.mark.parametrize(
    "line", [b"1" * 3000, b"a: " * 1000, b"[" * 4000, b"{'" * 2000, b"a=1 " * 900, b"| 1/1 [" * 600]
)
@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_hangs_on_a_hostile_line(preset, line):
    program = (
        "import sys\nfrom meticulous.metrics.scrape import Scraper\n"
        f"list(Scraper({preset!r}).feed(sys.stdin.buffer.read()))"
    )
    subprocess.run([sys.executable, "-c", program], input=line + b"\n", check=True, timeout=20)


def test_a_line_without_end_takes_no_memory():
    scraper = Scraper("pairs")
    for _ in range(100):
        assert [] == list(scraper.feed(b"x" * 1_000_000))
    assert len(scraper._rest) < 100_000


@pytest.mark.parametrize("text", ["pairz", "(", "a(b)c"])
def test_what_is_neither_preset_nor_pattern_is_refused(text):
    with pytest.raises(SettingsError, match="metrics"):
        check(text)


def test_an_old_run_is_read_with_the_times_of_its_timeline(tmp_path):
    (tmp_path / "metadata.json").write_text(json.dumps({"timestamp": "2026-01-01T00:00:00+00:00"}))
    (tmp_path / "stdout").write_bytes(b"loss=1\nloss=2\nloss=3\n")
    (tmp_path / "timeline").write_bytes(b"0.5 stdout 0 7\n1.5 stdout 7 7\n")
    found = list(from_output(RunFolder(str(tmp_path)), "pairs"))
    start = 1767225600.0
    assert [
        ("loss=1", start + 0.5, 0, {"loss": 1}),
        ("loss=2", start + 1.5, 1, {"loss": 2}),
        ("loss=3", start + 1.5, 2, {"loss": 3}),
    ] == [(line, time_s, point.step, point.values) for line, time_s, point in found]
