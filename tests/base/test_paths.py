"""Where a path lies, by its name."""

from __future__ import annotations

import pytest

from meticulous.base.paths import leads_out, within


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/b/c", "b/c"),
        ("/a/..b", "..b"),
        ("/a/b/../c", "c"),
        ("/a", None),
        ("/a/b/..", None),
        ("/ab", None),
        ("/", None),
        ("/c/a/b", None),
    ],
)
def test_within(path: str, found: str | None) -> None:
    assert found == within(path, "/a")


@pytest.mark.parametrize(
    ("relative", "is_out"),
    [("..", True), ("../a", True), ("..a", False), (".", False), ("a/b", False), ("...", False)],
)
def test_leads_out(relative: str, is_out: bool) -> None:
    assert is_out is leads_out(relative)
