"""A recorded run, once more: its command, its code, and what has changed since."""
