"""Reading an archive, entry by entry, believing nothing of it: zip, tar in three forms, or a folder.

Only names, kinds and streams are given; nothing is extracted here.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from meticulous.archive.writers import zstandard
from meticulous.errors import ArchiveError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Entry", "entries", "read"]

_LONGEST_TARGET = 4096

_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_LONGEST_EXTENSION = 1 << 20
"""Bytes that the long name or the like of a member may have: the library reads them at once."""
_LONGEST_REST = 1 << 24
"""Bytes that may come after the end of a tar file, which is padded to its blocks."""

_DAMAGE: tuple[type[Exception], ...] = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a zip file with an unknown compression
    RuntimeError,  # a zip file with a password
)


class Entry(NamedTuple):
    """One entry: `kind` is ``file``, ``link``, ``directory`` or what else it is.

    `content` may be read until the next entry is asked for; None for what is no file. `size` is
    what the archive says it is.
    """

    name: str
    kind: str
    size: int = 0
    target: str = ""
    content: IO[bytes] | None = None


def entries(path: str) -> Iterator[Entry]:
    """Return the entries of the archive at `path`, in their order.

    Raises ArchiveError where it is damaged, is no archive or cannot be read.
    """
    with _damage_told(path):
        if os.path.isdir(path):
            yield from _of_folder(path, "")
            return
        if os.path.exists(path) and not os.path.isfile(path):  # it is read more than once
            message = f"{path} is neither a file nor a folder"
            raise ArchiveError(message, "Save what it gives to a file, and import that")
        with open(path, "rb") as file:
            start = file.read(262)
            file.seek(0)
            if start.startswith(b"PK"):
                with zipfile.ZipFile(file) as archive:
                    yield from _of_zip(archive)
            elif start.startswith(b"\x28\xb5\x2f\xfd"):
                with zstandard(file, "r") as stream:
                    yield from _of_tar(stream)
            elif start.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=file) as stream:
                    yield from _of_tar(stream)
            elif start[257:262] == b"ustar":
                yield from _of_tar(file)
            else:
                hint = "Give a file that `meticulous export` has written"
                raise ArchiveError(f"{path} is no archive that is known", hint)


def read(path: str, entry: Entry, size: int) -> bytes:
    """Read at most `size` bytes of `entry` of the archive at `path`; b"" at the end of it.

    Raises ArchiveError where they cannot be read.
    """
    with _damage_told(path):
        return b"" if entry.content is None else entry.content.read(size)


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    """Turn what the libraries raise for a bad archive at `path` into an ArchiveError."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a BadGzipFile
            raise _damaged(path, error) from error
        name = error.filename or path
        raise ArchiveError(
            f"cannot read {name}: {error.strerror}", "See that it is there"
        ) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    except Exception as error:
        if type(error).__name__ == "ZstdError":  # of either library
            raise _damaged(path, error) from error
        raise


def _damaged(path: str, error: Exception) -> ArchiveError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return ArchiveError(f"{path} is truncated or damaged: {reason}", "Get it again")


class _Header(tarfile.TarInfo):
    """A header of a tar file, refused where what comes with it would fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENSIONS and info.size > _LONGEST_EXTENSION:
            raise tarfile.ReadError(f"a header of {info.size:,} bytes")
        return info


def _of_tar(stream: Any) -> Iterator[Entry]:
    with tarfile.open(
        fileobj=stream, mode="r|", errors="surrogateescape", tarinfo=_Header
    ) as archive:
        for info in archive:
            name = info.name
            if info.isreg():
                yield Entry(name, "file", info.size, content=archive.extractfile(info))
            elif info.issym():
                yield Entry(name, "link", target=info.linkname)
            elif info.isdir():
                yield Entry(name, "directory")
            else:
                kind = "hard link" if info.islnk() else "device" if info.isdev() else "special file"
                yield Entry(name, kind)
    left = _LONGEST_REST
    while part := stream.read(1 << 20):  # it is nobody's, but the checksum is there
        left -= len(part)
        if left < 0:
            raise tarfile.ReadError("there is more after its end")


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.filename.endswith("/"):  # is_dir() of Python 3.11 trips over an empty name
            yield Entry(info.filename.rstrip("/"), "directory")
        elif kind == stat.S_IFLNK:
            with archive.open(info) as file:
                target = os.fsdecode(file.read(_LONGEST_TARGET))
            yield Entry(info.filename, "link", target=target)
        elif kind in (0, stat.S_IFREG):
            with archive.open(info) as file:
                yield Entry(info.filename, "file", info.file_size, content=file)
        else:
            yield Entry(info.filename, "special file")


def _listed(path: str) -> list[os.DirEntry[str]]:
    """Return what is in the folder `path`, the last first."""
    return sorted(os.scandir(path), key=lambda entry: os.fsencode(entry.name), reverse=True)


def _of_folder(path: str, name: str) -> Iterator[Entry]:
    waiting = _listed(path)
    while waiting:
        entry = waiting.pop()
        inner = name + os.path.relpath(entry.path, path)
        if entry.is_symlink():
            yield Entry(inner, "link", target=os.readlink(entry.path))
        elif entry.is_dir():
            yield Entry(inner, "directory")
            waiting += _listed(entry.path)
        elif entry.is_file():
            with open(entry.path, "rb") as file:
                yield Entry(inner, "file", entry.stat().st_size, content=file)
        else:
            yield Entry(inner, "special file")
