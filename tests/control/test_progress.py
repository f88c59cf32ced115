"""Progress bars and counters as real libraries print them."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from meticulous.control.progress import in_log


@pytest.mark.parametrize(
    ("line", "text", "left_s"),
    [
        ("train:  45%|████▌     | 45/100 [00:10<00:12,  4.50it/s]", "45/100", 12),
        ("45%|████▌     | 45/100 [1:00:10<1:02:03,  4.50it/s, loss=0.5%]", "45/100", 3723),
        (" 1%|          | 1.20k/98.0k [00:10<2 days, 1:00:00, 1.2it/s]", "1%", 176_400),
        ("  0%|          | 0/100 [00:00<?, ?it/s]", "0/100", None),
        ("Training ━━━━━━━━╸━━━━━━━━━  45% 0:00:12", "45%", 12),
        ("45/100 ━━━━━━━━━━━━ 12s 40ms/step - loss: 0.3", "45/100", 12),
        ("45/100 [====>.......] - ETA: 1:05 - loss: 0.3", "45/100", 65),
        ("Epoch 3/10", "3/10", None),
        ("[epoch: 3 / 10] loss 0.4", "3/10", None),
        ("Step 300 of 1000, loss=0.2", "300/1000", None),
        ("INFO 12:00 iteration 7/9 done", "7/9", None),
        ("downloaded 45.5% of it", "45.5%", None),
        ("accuracy 45", None, None),
        ("val_acc: 97.5%", None, None),
        ("Test set: Average loss: 0.0493, Accuracy: 9843/10000 (98%)", None, None),
        ("Acc@1 45.0% Acc@5 80.1%", None, None),
        ("GPU utilisation 99%", None, None),
        ("at 12/03/2024", None, None),
        ("Epoch 12/10", None, None),
        ("150 %", None, None),
    ],
)
def test_what_libraries_print_is_understood(
    line: str, text: str | None, left_s: float | None
) -> None:
    found = in_log(line)
    assert text == (found.text if found else None)
    assert left_s == (found.left_s if found else None)


def test_the_last_counts_as_it_is_seen() -> None:
    bar = "".join(f"\r {n}%|##| {n}/100 [00:0{n}<00:09]" for n in range(5))
    for log, text in (
        ("Epoch 1/3\nEpoch 2/3\nloss 0.5\n", "2/3"),
        ("start\n" + bar, "4/100"),
        ("\x1b[31m" + bar + "\x1b[0m\r\n", "4/100"),
    ):
        found = in_log(log)
        assert found is not None
        assert text == found.text
    assert in_log("") is None


def tqdm_bar() -> str:
    from tqdm import tqdm

    stream = io.StringIO()
    bar = tqdm(total=200, file=stream, desc="train")
    bar.update(50)
    bar.refresh()
    return stream.getvalue()


def rich_bar() -> str:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress(console=console, auto_refresh=False) as progress:
        task = progress.add_task("train", total=200)
        progress.update(task, completed=50)
        progress.refresh()
        return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("bar", [tqdm_bar, rich_bar])
def test_real_bars_are_a_quarter_full(bar: Callable[[], str]) -> None:
    found = in_log(bar())
    assert found is not None
    assert 0.25 == found.fraction
