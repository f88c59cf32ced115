"""Writing an archive: zip, tar (plain, gzip, zstandard), or a folder; one entry after the other."""

from __future__ import annotations

import errno
import gzip
import importlib
import os
import shutil
import stat
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from meticulous.archive.manifest import File
from meticulous.base.folders import make_folder
from meticulous.errors import ArchiveError, UsageError

__all__ = ["ENDINGS", "Writer", "ending_of", "hint_for", "open_writer", "zstandard"]

ENDINGS = (".zip", ".tar.zst", ".tar.gz", ".tgz", ".tar", "/")
"""How the name of an export may end; with a slash it is a folder."""

_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""What the dates of a zip file can hold."""
_LARGE = 1 << 31
_SAMPLE = 1 << 16
"""Bytes by which it is seen whether a file can be compressed at all."""


class Writer(Protocol):
    """Takes entries; names are relative and have slashes."""

    def file(self, name: str, told: File, content: IO[bytes]) -> None:
        """Add the file that is `told` of, read from `content`."""

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""

    def directory(self, name: str) -> None:
        """Add an empty directory."""


def ending_of(path: str) -> str:
    """Return which of :data:`ENDINGS` `path` has. Raises UsageError where it has none."""
    for ending in ENDINGS:
        if path.endswith(ending) and os.path.basename(path.rstrip("/")) != ending:
            return ending
    raise UsageError(
        f"the name {path} does not say what to write",
        "End it in .zip, .tar.zst, .tar.gz or .tar, or in / for a folder",
    )


def hint_for(error: OSError, other: str) -> str:
    """Say what to do about a place that cannot be written; `other` is what else can be given."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Free some space, or give another {other}"
    return f"See that it is there and can be written, or give another {other}"


@contextmanager
def open_writer(path: str, ending: str) -> Iterator[Writer]:
    """Open the new file (or folder) `path` for an archive as `ending` says."""
    if ending == "/":
        os.mkdir(path)
        yield _Folder(path)
        return
    with open(path, "xb") as file:
        if ending == ".zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield _Zip(archive)
            return
        with (
            _compressed(file, ending) as stream,
            tarfile.open(
                fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape"
            ) as tar,
        ):
            yield _Tar(tar)


def zstandard(file: IO[bytes], mode: str) -> Any:
    """Open `file` to write or read through zstandard: Python's own (3.14), or the library's.

    Raises ArchiveError where neither is there.
    """
    if sys.version_info >= (3, 14):
        return importlib.import_module("compression.zstd").ZstdFile(file, mode)
    try:
        library = importlib.import_module("zstandard")
    except ImportError as error:
        raise ArchiveError(
            "a .tar.zst needs the library zstandard, which is not installed",
            "Install it (pip install 'meticulous[export]'), or use .zip or .tar.gz",
        ) from error
    if mode == "w":
        compressor = library.ZstdCompressor(write_checksum=True, threads=-1)
        return compressor.stream_writer(file, closefd=False)
    return library.ZstdDecompressor().stream_reader(file, closefd=False)


@contextmanager
def _compressed(file: IO[bytes], ending: str) -> Iterator[Any]:
    if ending == ".tar.zst":
        with zstandard(file, "w") as stream:
            yield stream
    elif ending == ".tar":
        yield file
    else:  # no name and no time in it: the same runs give the same bytes
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
            yield stream


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def file(self, name: str, told: File, content: IO[bytes]) -> None:
        info = _tar_info(name, tarfile.REGTYPE, told.mode, int(told.mtime))
        info.size = told.size
        self._archive.addfile(info, content)

    def link(self, name: str, target: str) -> None:
        info = _tar_info(name, tarfile.SYMTYPE, 0o777, 0)
        info.linkname = target
        self._archive.addfile(info)

    def directory(self, name: str) -> None:
        self._archive.addfile(_tar_info(name, tarfile.DIRTYPE, 0o755, 0))


def _tar_info(name: str, kind: bytes, mode: int, mtime: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, mtime
    return info


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def file(self, name: str, told: File, content: IO[bytes]) -> None:
        info = _zip_info(name, stat.S_IFREG | told.mode, told.mtime)
        start = content.read(_SAMPLE)
        if len(zlib.compress(start, 1)) > 0.95 * len(start):  # weights, images: tried in vain
            info.compress_type = zipfile.ZIP_STORED
        with self._archive.open(info, "w", force_zip64=told.size >= _LARGE) as out:
            out.write(start)
            shutil.copyfileobj(content, out, 1 << 20)

    def link(self, name: str, target: str) -> None:
        info = _zip_info(name, stat.S_IFLNK | 0o777, 0)
        self._archive.writestr(info, os.fsencode(target))

    def directory(self, name: str) -> None:
        info = _zip_info(f"{name}/", stat.S_IFDIR | 0o755, 0)
        info.external_attr |= 0x10  # a directory to MS-DOS
        self._archive.writestr(info, b"")


def _zip_info(name: str, mode: int, mtime: float) -> zipfile.ZipInfo:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ArchiveError(
            f"a .zip cannot hold the file name {name!r}, which is not UTF-8",
            "Use .tar.zst or .tar.gz, or rename the file",
        ) from None
    date = min(max(time.localtime(mtime)[:6], _EARLIEST), _LATEST)
    info = zipfile.ZipInfo(name, date)
    info.create_system = 3  # Unix: the mode is in the attributes
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Folder:
    def __init__(self, path: str) -> None:
        self._path = path

    def _place(self, name: str) -> str:
        path = os.path.join(self._path, name)
        make_folder(os.path.dirname(path))
        return path

    def file(self, name: str, told: File, content: IO[bytes]) -> None:
        path = self._place(name)
        with open(path, "xb") as out:
            shutil.copyfileobj(content, out, 1 << 20)
        os.chmod(path, told.mode)
        os.utime(path, (told.mtime, told.mtime))

    def link(self, name: str, target: str) -> None:
        os.symlink(target, self._place(name))

    def directory(self, name: str) -> None:
        make_folder(self._place(name))
