"""Which process is which."""

from __future__ import annotations

import os

import psutil

from meticulous.base.process_id import start_time


def test_psutil_agrees_on_who_lives() -> None:
    assert psutil.pid_exists(os.getpid()) == (start_time(os.getpid()) is not None)
