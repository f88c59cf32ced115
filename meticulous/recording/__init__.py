"""The record of one run: what is known before it starts, while it goes on, and how it ended."""
