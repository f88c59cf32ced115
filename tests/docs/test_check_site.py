"""The check of the built site finds what a browser would fetch from elsewhere, and links to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "check_site.py"


def check(site: Path, body: str, style: str = "") -> subprocess.CompletedProcess[str]:
    (site / "assets").mkdir()
    (site / "assets" / "site.css").write_text(f"h1 {{ background: url(logo.svg) }} {style}")
    (site / "assets" / "logo.svg").write_text("<svg/>")
    (site / "other.html").write_text('<h1 id="there">Other</h1>')
    (site / "index.html").write_text(f'<link rel="stylesheet" href="assets/site.css"><body>{body}')
    return subprocess.run(
        [sys.executable, str(TOOL), str(site)], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://example.org/">elsewhere, for who wants to go there</a>',
        '<a href="other.html#there">there</a> <a href="#here" id="here">here</a>',
        '<img src="data:image/png;base64,AA=="> <img src="assets/logo.svg">',
        '<link rel="canonical" href="https://example.org/">',
        '<script>const address = "https://example.org/"</script>',
    ],
)
def test_a_site_that_needs_nobody_is_right(tmp_path: Path, body: str) -> None:
    done = check(tmp_path, body)

    assert (0, "") == (done.returncode, done.stderr), done.stdout


@pytest.mark.parametrize(
    ("body", "style", "said"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', "", "fetches https://cdn.example.org/x.js"),
        ('<img src="//example.org/x.png">', "", "fetches //example.org/x.png"),
        ('<img srcset="a.png 1x, https://example.org/b.png 2x">', "", "fetches https://example.org/b.png"),
        ('<link rel="preconnect" href="https://fonts.example.org">', "", "fetches https://fonts.example.org"),
        ('<p style="background: url(http://example.org/a.png)">', "", "fetches http://example.org/a.png"),
        ('<style>@import "https://example.org/a.css";</style>', "", "fetches https://example.org/a.css"),
        ("", "@font-face { src: url('https://example.org/a.woff2') }", "fetches https://example.org/a.woff2"),
        ('<a href="gone.html">gone</a>', "", "no file for the link gone.html"),
        ('<a href="other.html#gone">gone</a>', "", "no anchor for the link other.html#gone"),
        ('<img src="assets/gone.svg">', "", "no file for the link assets/gone.svg"),
    ],
)  # fmt: skip
def test_what_is_fetched_from_elsewhere_or_leads_nowhere_is_named(
    tmp_path: Path, body: str, style: str, said: str
) -> None:
    done = check(tmp_path, body, style)

    assert (1, "") == (done.returncode, done.stderr)
    assert said in done.stdout
