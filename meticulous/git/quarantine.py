"""New objects of a repository, apart until all is well: what fails on the way leaves nothing.

Git itself receives pushes so. The folder lies among the objects under a name with which
``git gc`` would remove it, should even our end be a violent one.
"""

from __future__ import annotations

import os
import shutil

from meticulous.errors import CodeStateError
from meticulous.git.command import directories, end_git, start_git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self

    from meticulous.base.spawn import Asked

__all__ = ["Quarantine"]


class Quarantine:
    """A folder for new objects and for indexes of our own, for as long as a ``with`` block lasts.

    Args:
        repository: top level of a work tree, or the folder of a bare repository.

    Raises CodeStateError where the repository cannot be written to.
    """

    def __init__(self, repository: str) -> None:
        self._repository = repository
        own, common = directories(repository)
        self._index = os.path.join(own, "index")
        self._objects = os.path.join(common, "objects")
        name = f"tmp_objdir-meticulous-{os.getpid()}-{os.urandom(4).hex()}"
        self._folder = os.path.join(self._objects, name)

    def __enter__(self) -> Self:
        try:
            os.mkdir(self._folder, 0o700)
        except OSError as error:
            raise _unwritable(self._objects, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def copy_index(self, name: str) -> None:
        """Make the user's index our index `name`, with what it knows of unchanged files."""
        path = os.path.join(self._folder, name)
        try:
            shutil.copyfile(self._index, path)
            found = os.stat(self._index)
            # By this time git tells which files may have changed just after it was written.
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
        except FileNotFoundError:
            pass  # there is none where nothing was ever added
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def start(self, *words: str, index: str = "index") -> Asked:
        """Start git with the index `index` of ours; new objects stay in here."""
        also = {
            "GIT_INDEX_FILE": os.path.join(self._folder, index),
            "GIT_OBJECT_DIRECTORY": self._folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(self._objects),
        }
        return start_git(self._repository, *words, listens=True, also=also)

    def end(self, asked: Asked, told: bytes = b"") -> bytes:
        """Tell git `told` and return what it printed. Raises CodeStateError."""
        return end_git(self._repository, asked, told)

    def git(self, *words: str, told: bytes = b"", index: str = "index") -> bytes:
        """Do both."""
        return self.end(self.start(*words, index=index), told)

    def release(self) -> None:
        """Put the objects among the others of the repository."""
        try:
            for name in sorted(os.listdir(self._folder)):
                folder = os.path.join(self._folder, name)
                if os.path.isdir(folder) and (len(name) == 2 or name == "pack"):
                    self._move(folder, os.path.join(self._objects, name))
        except OSError as error:
            raise _unwritable(self._objects, error) from error

    def _move(self, folder: str, place: str) -> None:
        try:
            os.mkdir(place)
            os.chmod(place, os.stat(folder).st_mode & 0o7777)  # as core.sharedRepository has it
        except FileExistsError:
            pass
        # An index of a pack comes last: with it the pack begins to count.
        for name in sorted(os.listdir(folder), key=lambda name: (name.endswith(".idx"), name)):
            target = os.path.join(place, name)
            if not os.path.exists(target):
                os.rename(os.path.join(folder, name), target)


def _quoted(path: str) -> str:
    """Quote `path` as git does where a list of paths would break at it."""
    plain = path.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{plain}"'


def _unwritable(place: str, error: OSError) -> CodeStateError:
    return CodeStateError(f"cannot write to {place}: {error.strerror}")
