"""A report in a real browser: it draws, is moved by keys and pointer, asks nobody, keeps nobody out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.asking_support import make_run
from tests.conftest import DEADLINE_S, meticulous

webdriver = pytest.importorskip("selenium.webdriver")
if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
    pytest.skip("no Chromium here", allow_module_level=True)

HOSTILE = "</script><b id=owned>\x1b[31m\u202eabc"
AXE = Path(__file__).parent / "vendored" / "axe.min.js"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Start Chromium, with a log of what it asks for."""
    options = webdriver.ChromeOptions()
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1300,3000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(word)
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    started = psutil.Process().children(recursive=True)
    yield driver
    driver.quit()
    psutil.wait_procs(started, timeout=DEADLINE_S)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Write a report of four runs, of which one has diverged."""
    directory = tmp_path / "experiments"
    directory.mkdir()
    for number in range(1, 5):
        folder = make_run(
            directory,
            number,
            {"lr": 0.1 / number, "seed": number % 2, "note": HOSTILE},
            {"loss": number},
        )
        lines = [
            {
                "step": s,
                "time": 1000.0 + s,
                "loss": "NaN" if s > 7 and number == 4 else number + s,
                HOSTILE: s,
            }
            for s in range(10)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        Path(folder.file("metrics.jsonl")).write_text(text)
        Path(folder.file("stdout")).write_text(f"epoch 1\n{HOSTILE}\n")
    done = meticulous("report", "--title", HOSTILE, cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    return tmp_path / "report.html"


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_report(browser: Any, report: Path) -> None:
    run = browser.execute_script
    all_of = lambda css: browser.find_elements("css selector", css)  # noqa: E731
    status = lambda: all_of("[role=status]")[0].text  # noqa: E731

    browser.get(report.as_uri())
    until(lambda: all_of(".chart canvas"))

    # The table: a search narrows it, and what is drawn.
    assert "4 of 4 runs, 4 drawn" == status()
    all_of("#search")[0].send_keys("0.025")
    assert "1 of 4 runs, 1 drawn" == until(lambda: status() if "1 of" in status() else None)
    run(
        "const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input'))"
    )

    # A chart: arrow keys read it out, and a table with all numbers stands behind it.
    chart = all_of(".chart")[0]
    chart.send_keys("\ue014")  # arrow to the right
    voice = run("return document.querySelector('.chart .unseen').textContent")
    assert voice.startswith("step 0. 1  lr=0.1  seed=1: 1; 2  lr=0.05  seed=0: 2;"), voice
    cells = run(
        "return [...document.querySelectorAll('.panel tbody tr')[3].cells].map((cell) => cell.textContent)"
    )
    assert ["4  lr=0.025  seed=0", "10", "4", "NaN", "9", "4", "0", "11", "7", "2"] == cells

    # Smoothing, groups and axes draw again, without an error.
    for text in ("no groups", "step"):
        run(
            "const s = [...document.querySelectorAll('.controls select')].find(s => s.textContent.includes(arguments[0]));"
            "s.selectedIndex = 1; s.dispatchEvent(new Event('change'))",
            text,
        )
    run(
        "const s = document.querySelector('#smooth'); s.value = 0.9; s.dispatchEvent(new Event('input'))"
    )
    until(lambda: "by time since start" in chart.get_attribute("aria-label"))
    assert until(lambda: [one.text for one in all_of(".panel:first-child .legend li")])

    # What a brush catches in the scatter is what all others draw.
    box = all_of(".scatter")[0]
    size = box.size
    actions = webdriver.ActionChains(browser)
    actions.move_to_element_with_offset(box, -int(size["width"] * 0.48), -int(size["height"] * 0.1))
    actions.click_and_hold().move_by_offset(
        int(size["width"] * 0.96), int(size["height"] * 0.5)
    ).release().perform()
    assert "4 of 4 runs, 2 drawn" == until(
        lambda: status() if "4 drawn" not in status() else None
    ), status()
    assert (
        2 == len(all_of("path.run.off")) == len(all_of("circle.off")) == len(all_of(".runs tr.off"))
    )

    # One run, with text that would like to be more.
    run("document.querySelector('.link').click()")
    detail = until(lambda: all_of("#run-0 pre"))[0]
    assert "epoch 1\n</script><b id=owned>\\u202eabc" == detail.text
    assert [] == all_of("#owned")
    assert "\\u202e" in browser.find_element("css selector", "h1").text

    # Nobody was asked, nothing was refused, nobody is kept out.
    events = [json.loads(one["message"])["message"] for one in browser.get_log("performance")]
    sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent if one["documentURL"] == report.as_uri()]
    assert [report.as_uri()] == asked
    assert [] == browser.get_log("browser")
    found = browser.execute_async_script(
        AXE.read_text() + "; const done = arguments[arguments.length - 1];"
        "axe.run().then((found) => done(found.violations.map((one) => [one.impact, one.id, one.nodes[0].html])))"
    )
    assert [] == [one for one in found if one[0] in ("serious", "critical")]
