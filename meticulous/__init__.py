"""Meticulous records experiments as numbered folders of plain files."""

__version__ = "0.1.0"
