"""The table in ``docs/arguments.md`` says what the tests show, no more and no less.

Every row stands for a test of that library; ``python -m tests.arguments.test_table_in_docs`` writes it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.child import test_argparse_actions, test_heavy_libraries, test_parser_libraries

PAGE = Path(__file__).parents[2] / "docs" / "arguments.md"
BEGIN = "<!-- table: written by tests/arguments/test_table_in_docs.py -->\n"
END = "<!-- end of table -->\n"


def covered(values: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Say of how many of the arguments the default is recorded."""
    names = set(values) - {"command", "subcommand", "extra", "hydra"}
    return "yes" if names <= set(defaults) else "of those not given" if defaults else "no"


def rows() -> list[tuple[str, str, str, str, str]]:
    """Return (library, feature, values, defaults, given) of each test of a library."""
    found = [
        ("argparse", name, "yes", covered(values, defaults) if defaults else "none declared", "yes")
        for name, (_, _, values, defaults, _) in test_argparse_actions.CASES.items()
    ]
    found += [("argparse", name, "yes", "yes", "yes") for name in test_argparse_actions.STAGES]
    for case in sorted(test_parser_libraries.CASES.values(), key=lambda case: case.source.lower()):
        found.append((case.source, case.feature, "yes", covered(case.values, case.defaults), "yes"))
    found += [
        (library, what, "yes", "yes", "yes") for library, what in test_heavy_libraries.FEATURES
    ]
    return found


def table() -> str:
    """Return the table as Markdown."""
    lines = ["| library | what the program uses | values | defaults | which were given |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    return "\n".join(lines) + "\n"


def test_the_table_of_the_documentation_is_true() -> None:
    page = PAGE.read_text()

    assert table() == page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
