"""``python -m meticulous``."""

from meticulous.cli import main

main()
