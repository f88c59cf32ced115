"""What `run --dirty snapshot` adds to `--dirty ignore`, which records only that there were changes.

Wall time of recording `true` in generated git repositories of 20 and of 20,000 files, of which one
was changed and one is new, otherwise in each round. Rounds are interleaved; judge by the
differences within one table.
"""

from __future__ import annotations

from pathlib import Path

import common
from overhead import LARGE, SMALL, make_repository

CHANGES = "date +%N >> part_0/module_0.py; date +%N > new.py"


def main() -> None:
    """Print one table a repository."""
    options = common.parser_with_peers(__doc__, []).parse_args()
    programs = common.our_programs(options.baseline)
    with common.scratch(options.directory) as folder:
        common.describe_machine(folder)
        for count in (SMALL, LARGE):
            repository = make_repository(folder / f"{count}-files", count)
            title = f"One changed and one new file among {count:,}, {options.rounds} rounds"
            _compare(title, programs, repository, options.rounds)


def _compare(title: str, programs: dict[str, str], repository: Path, rounds: int) -> None:
    commands = {
        f"{name}, {dirty}": ["sh", "-c", f"{CHANGES}; exec {program} run -q --dirty {dirty} true"]
        for name, program in programs.items()
        for dirty in ("ignore", "snapshot")
    }
    kept = common.compared(commands, repository, rounds)
    lines = []
    for name, done in kept.items():
        other = kept[name.replace("snapshot", "ignore")]
        added = [one.wall_s - less.wall_s for one, less in zip(done, other, strict=True)]
        seconds = [one.wall_s for one in done]
        figures = (min(seconds), common.median(seconds), max(seconds), common.median(added))
        cpu = common.median([one.cpu_s for one in done])
        lines.append([name, *(f"{1000 * value:.1f}" for value in (*figures, cpu))])
    common.table(title, ["ms", "min", "median", "max", "added", "CPU"], lines)


if __name__ == "__main__":
    main()
