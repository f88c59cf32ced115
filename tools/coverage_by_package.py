"""Print the coverage of each package, from what `coverage json` has written."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

WANTED = 90
"""Percent of the lines of a package."""
EXCUSED = {
    "child.startup": "runs in programs of Python 3.6 and newer, where no coverage is measured",
}


def main(path: str) -> int:
    """Print a line for each package; return 1 where one is below the mark without a reason."""
    lines: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for name, file in json.loads(Path(path).read_text())["files"].items():
        package = ".".join(Path(name).parent.parts[1:]) or "(top)"
        lines[package] += file["summary"]["num_statements"]
        covered[package] += file["summary"]["covered_lines"]
    is_low = False
    for package in sorted(lines):
        percent = 100 * covered[package] / (lines[package] or 1)
        why = EXCUSED.get(package, "")
        is_low |= percent < WANTED and not why
        mark = f"  {why}" if why else "  below the mark" if percent < WANTED else ""
        print(f"{package:<24}{lines[package]:>7}{percent:>7.1f} %{mark}")
    total = 100 * sum(covered.values()) / (sum(lines.values()) or 1)
    print(f"{'all':<24}{sum(lines.values()):>7}{total:>7.1f} %")
    return int(is_low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
