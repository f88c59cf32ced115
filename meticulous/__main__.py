"""``python -m meticulous``.

Python has been started with the variables that are meant for the recorded program, and with the
current directory on its path. So it is started once more without them, on this directory: the
command line still says ``meticulous run``.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def _start_isolated() -> "NoReturn":
    """Become a Python that takes nothing from the environment; run this directory in it."""
    from meticulous.base.inherited import environment

    words = [sys.executable, "-I", "-S", os.path.dirname(os.path.abspath(__file__)), *sys.argv[1:]]
    os.execve(sys.executable, words, environment())


def _add_packages() -> None:
    """Add what ``site`` adds to the path, without running a sitecustomize."""
    import site

    known = site.venv(site.removeduppaths()) or set()
    site.addsitepackages(known)
    user = site.getusersitepackages()
    if sys.prefix == sys.base_prefix and os.path.isdir(user):
        site.addsitedir(user, known)
    sys.path[0:1] = []  # this directory, whose modules have names of their own
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


if __name__ == "__main__":
    # A Python that needs PYTHONHOME to find its library could not be started without it.
    if not sys.flags.isolated and sys.executable and "PYTHONHOME" not in os.environ:
        _start_isolated()
    if sys.flags.no_site and not __package__:
        _add_packages()

    from meticulous.cli import main

    main()
