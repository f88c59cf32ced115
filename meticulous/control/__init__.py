"""Runs under way: how far they are, and how they are stopped."""
