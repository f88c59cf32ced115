"""`meticulous import` of what is no export, or no longer one: refused in one line, nothing is left."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meticulous.archive.unpack import read_manifest, unpack
from meticulous.errors import ArchiveError
from tests.conftest import git, meticulous
from tests.sharing_support import commit

Files = dict[str, bytes]
OUTSIDE = "../../../outside"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good export in each form, made once."""
    folder = tmp_path_factory.mktemp("good")
    project = folder / "project"
    project.mkdir()
    git(project, "init", "-q")
    git(project, "config", "user.name", "Tester")
    git(project, "config", "user.email", "tester@example.org")
    program = (
        "import os; open(os.environ['METICULOUS_RUN_DIR'] + '/big', 'wb').write(b'x' * 200000)"
    )
    commit(project, train_py=program + "\nprint('hello')\n", _gitignore="experiments\n")
    meticulous("run", "-q", "--", "python3", "train.py", cwd=project)
    for form in ("zip", "tar.zst", "tar.gz", "tar"):
        done = meticulous("export", "1", folder / f"a.{form}", cwd=project)
        assert 0 == done.returncode, done.stderr
    return folder


@pytest.fixture
def contents(good: Path) -> Files:
    with zipfile.ZipFile(good / "a.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "place"
    path.mkdir()
    return path


def refused(place: Path, archive: Path, *words: str) -> str:
    """Import `archive`, which must fail with one line (given) and leave nothing at all."""
    done = meticulous("import", archive, *words, cwd=place)
    assert (1, b"") == (done.returncode, done.stdout), done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert [] == os.listdir(place)
    return line


def tar(path: Path, files: Files, *more: tarfile.TarInfo) -> Path:
    """Write `files`, and after them the members `more`, which have no content of their own."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> Any:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def changed(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    """Return `files` with another manifest."""
    manifest = json.loads(files["a/manifest.json"])
    change(manifest)
    return {**files, "a/manifest.json": json.dumps(manifest).encode()}


def listed(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"size": len(content), "sha256": digest, "mode": "644", "mtime": 0}


def test_the_helpers_make_what_is_taken_in(contents: Files, place: Path, tmp_path: Path) -> None:
    done = meticulous("import", tar(tmp_path / "a.tar.gz", contents), cwd=place)
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize("form", ["zip", "tar.zst", "tar.gz", "tar"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.7, 0.98])
def test_truncated(good: Path, place: Path, tmp_path: Path, form: str, part: float) -> None:
    whole = (good / f"a.{form}").read_bytes()
    path = tmp_path / f"a.{form}"
    path.write_bytes(whole[: int(len(whole) * part)])

    if form == "tar" and part == 0.98 and whole[int(len(whole) * part) :].strip(b"\0") == b"":
        return  # only the padding at the end is gone
    line = refused(place, path)

    assert str(path) in line


@pytest.mark.parametrize("form", ["zip", "tar.zst", "tar.gz", "tar"])
def test_one_byte_is_enough(good: Path, place: Path, tmp_path: Path, form: str) -> None:
    whole = bytearray((good / f"a.{form}").read_bytes())
    path = tmp_path / f"a.{form}"
    start = whole.find(b"x" * 1000) if form == "tar" else len(whole) // 2
    whole[start + 10] ^= 1
    path.write_bytes(bytes(whole))

    line = refused(place, path)

    if form == "tar":
        assert "'runs/1/big' is not what was exported" in line


@pytest.mark.parametrize("name", ["a/runs/1/stdout", "a/code.bundle", "a/again.sh"])
def test_an_altered_file_is_named(contents: Files, place: Path, tmp_path: Path, name: str) -> None:
    contents[name] = contents[name][:-1] + b"?"

    line = refused(place, tar(tmp_path / "a.tgz", contents))

    assert f"'{name.removeprefix('a/')}' is not what was exported" in line


def test_longer_shorter_missing_and_unlisted(contents: Files, place: Path, tmp_path: Path) -> None:
    longer = {**contents, "a/runs/1/stdout": b"hello\nmore"}
    missing = {name: content for name, content in contents.items() if name != "a/runs/1/stdout"}
    unlisted = {**contents, "a/runs/1/virus": b""}
    beside = {**contents, "virus": b""}

    assert "'runs/1/stdout' has 10 bytes, not 6" in refused(place, tar(tmp_path / "1", longer))
    assert "'runs/1/stdout' is missing" in refused(place, tar(tmp_path / "2", missing))
    assert "'runs/1/virus' is not in its manifest" in refused(place, tar(tmp_path / "3", unlisted))
    assert "'virus' lies beside its folder" in refused(place, tar(tmp_path / "4", beside))


def test_a_name_that_is_there_twice(contents: Files, place: Path, tmp_path: Path) -> None:
    again = member("a/runs/1/stdout", size=6)

    line = refused(place, tar(tmp_path / "a", contents, again))

    assert "'runs/1/stdout' is in it twice" in line


@pytest.mark.parametrize(
    "name", [OUTSIDE, "/tmp/outside", "a/../../outside", "a/runs/1/../../../outside", "a//b", "~/x"]
)
def test_names_that_climb_out(contents: Files, place: Path, tmp_path: Path, name: str) -> None:
    inner = name.removeprefix("a/")
    with_manifest = changed(contents, lambda told: told["files"].update({inner: listed(b"x")}))

    plain = refused(place, tar(tmp_path / "1", contents, member(name, size=1)))
    in_manifest = refused(place, tar(tmp_path / "2", with_manifest, member(name, size=1)))

    assert "leads out" in plain and "leads out" in in_manifest
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("target", ["/etc/passwd", OUTSIDE, "../2/stdout", "..", "d/d/d/../../.."])
def test_links_that_lead_out(contents: Files, place: Path, tmp_path: Path, target: str) -> None:
    links = {"runs/1/d": ".", "runs/1/link": target}
    told = changed(contents, lambda manifest: manifest["links"].update(links))
    members = [member(f"a/{name}", tarfile.SYMTYPE, to) for name, to in links.items()]

    line = refused(place, tar(tmp_path / "a", told, *members))
    unlisted = refused(place, tar(tmp_path / "b", contents, members[1]))

    assert "the link 'runs/1/link' leads out of its run" in line
    assert "a link that is not in its manifest" in unlisted


def test_nothing_is_written_through_a_link(contents: Files, place: Path, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["links"]["runs/1/d"] = str(tmp_path)
        manifest["files"]["runs/1/d/outside"] = listed(b"x")

    members = [member("a/runs/1/d", tarfile.SYMTYPE, str(tmp_path))]
    members += [member("a/runs/1/d/outside", size=1)]

    line = refused(place, tar(tmp_path / "a", changed(contents, change), *members))

    assert "'runs/1/d/outside' lies in what is no folder" in line
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
    ],
)
def test_what_is_no_file(
    contents: Files, place: Path, tmp_path: Path, kind: bytes, said: str
) -> None:
    del contents["a/runs/1/stdout"]

    odd = member("a/runs/1/stdout", kind, "a/runs/1/stderr")
    line = refused(place, tar(tmp_path / "a", contents, odd))

    assert f"'runs/1/stdout' is a {said}" in line


def test_a_zip_file_with_links_and_lies(contents: Files, place: Path, tmp_path: Path) -> None:
    def packed(name: str, *, link: bool) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in contents.items():
                archive.writestr(file, content)
            info = zipfile.ZipInfo("a/runs/1/link" if link else "../../outside")
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        return path

    assert "a link that is not in its manifest" in refused(place, packed("1", link=True))
    assert "leads out" in refused(place, packed("2", link=False))


def test_a_bomb_is_stopped_by_what_the_manifest_says(
    contents: Files, place: Path, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(50 << 20) if name.endswith("stdout") else content)
    honest = changed(contents, lambda told: told["files"]["runs/1/stdout"].update(size=1 << 60))

    assert "has 52,428,800 bytes, not 6" in refused(place, bomb)
    assert "are free" in refused(place, tar(tmp_path / "a.tgz", honest))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory(place: Path, tmp_path: Path, kind: bytes) -> None:
    with gzip.open(tmp_path / "a", "wb") as archive:
        archive.write(member("a/manifest.json", kind, size=1 << 31).tobuf(tarfile.USTAR_FORMAT))
        archive.write(bytes(1 << 20))

    assert "is truncated or damaged: a header of 2,147,483,648 bytes" in refused(
        place, tmp_path / "a"
    )


def test_a_tail_without_end(contents: Files, place: Path, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a", contents)
    with gzip.open(archive, "ab") as file:
        file.write(bytes(20 << 20))

    assert "there is more after its end" in refused(place, archive)


def test_a_zip_file_with_an_empty_name(place: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", "x")
    content = (tmp_path / "a.zip").read_bytes()
    at = content.index(b"PK\1\2")
    name_length = (1).to_bytes(2, "little")
    assert name_length == content[at + 28 : at + 30]
    # One byte more of comment, one less of name: the directory is as long as before.
    changed = content[:at] + content[at : at + 28] + b"\0\0\0\0\1\0" + content[at + 34 :]
    (tmp_path / "a.zip").write_bytes(changed)

    assert "header b'x' differ. Get it again" in refused(place, tmp_path / "a.zip")


@pytest.mark.parametrize("collision", ["runs/1/Model", "runs/1/model/X", "runs/1/LINK", "runs/1/E"])
def test_names_that_are_one_on_this_disk(contents: Files, tmp_path: Path, collision: str) -> None:
    """A link that is there already stands for a disk that ignores case."""
    more = {f"a/runs/1/{name}": b"x" for name in ("model/x", "Model/y", "model/X")}
    files = {**contents, **more}

    def change(told: dict[str, Any]) -> None:
        told["files"] |= {name.removeprefix("a/"): listed(b"x") for name in more}
        told["links"] = {"runs/1/link": "stdout", "runs/1/LINK": "stdout"}
        told["directories"] = ["runs/1/e", "runs/1/E"]

    links = [member(f"a/runs/1/{name}", tarfile.SYMTYPE, "stdout") for name in ("link", "LINK")]
    archive = str(tar(tmp_path / "a", changed(files, change), *links))
    place = tmp_path / "in"
    parent, name = (place / collision).parent, collision.rpartition("/")[2]
    parent.mkdir(parents=True)
    (place / collision).symlink_to(name.lower())
    if name in ("Model", "E"):
        (parent / name.lower()).mkdir()

    with pytest.raises(ArchiveError, match=f"'{collision}' differs from another name only in case"):
        unpack(archive, read_manifest(archive), str(place), lambda _done, _all: None)


def test_what_a_newer_meticulous_wrote(contents: Files, place: Path, tmp_path: Path) -> None:
    newer = changed(contents, lambda told: told.update(format=2))
    metadata = json.loads(contents["a/runs/1/metadata.json"]) | {"format": 99}
    content = json.dumps(metadata).encode()
    run = {**contents, "a/runs/1/metadata.json": content}
    run = changed(run, lambda told: told["files"].update({"runs/1/metadata.json": listed(content)}))

    assert "has format 2; this meticulous reads up to 1. Upgrade" in refused(
        place, tar(tmp_path / "1", newer)
    )
    assert "runs/1 has format 99" in refused(place, tar(tmp_path / "2", run))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(runs=3),
        lambda told: told.pop("files"),
        lambda told: told["runs"][0].update(id="../x"),
        lambda told: told["runs"][0].update(id=".hidden"),
        lambda told: told["runs"].append(told["runs"][0]),
        lambda told: told["runs"][0].update(ref="refs/heads/x:refs/heads/main"),
        lambda told: told["runs"][0].update(commit="--upload-pack=x"),
        lambda told: told["files"]["runs/1/stdout"].update(size=-1),
        lambda told: told["files"]["runs/1/stdout"].update(mode="4755"),
        lambda told: told["files"].update({"runs/2/x": listed(b"")}),
        lambda told: told.update(links={"runs/1/x": None}),
        lambda told: told.update(format="one"),
        lambda told: told.update(format=float("inf")),
        lambda told: told["files"]["runs/1/stdout"].update(size=float("inf")),
        lambda told: told["files"]["runs/1/stdout"].update(mtime=1e300),
        lambda told: told["files"]["runs/1/stdout"].update(mtime=float("nan")),
        lambda told: told["directories"].append("runs/1/\ud800"),
        lambda told: told.update(links={"runs/1/x": "\ud800"}),
    ],
)
def test_a_manifest_that_asks_for_what_no_export_writes(
    contents: Files, place: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    line = refused(place, tar(tmp_path / "a", changed(contents, change)))

    assert "manifest.json of" in line and "cannot be understood" in line


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b"null"])
def test_a_manifest_that_is_none(
    contents: Files, place: Path, tmp_path: Path, content: bytes
) -> None:
    line = refused(place, tar(tmp_path / "a", {**contents, "a/manifest.json": content}))

    assert "manifest.json" in line


def test_what_can_be_read_only_once(place: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "is neither a file nor a folder" in refused(place, tmp_path / "pipe")


def test_what_is_no_archive(place: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello\n" * 100)
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("hello", "hello")
    (tmp_path / "secret").write_text("x")

    assert "is no archive that is known" in refused(place, tmp_path / "text")
    assert "has no manifest.json" in refused(place, tmp_path / "folder")
    assert "has no manifest.json" in refused(place, tmp_path / "other.zip")
    assert "No such file" in refused(place, tmp_path / "nothing")


def test_a_bundle_with_other_code_is_refused(contents: Files, place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, x="other")
    git(other, "branch", "run-1")
    git(other, "bundle", "create", "-q", "../bundle", "run-1", "HEAD")
    bundle = (tmp_path / "bundle").read_bytes()
    told = {**contents, "a/code.bundle": bundle}
    told = changed(told, lambda value: value["files"].update({"code.bundle": listed(bundle)}))
    git(other, "rm", "-q", "x")
    git(other, "commit", "-q", "-m", "empty")

    done = meticulous("import", tar(tmp_path / "a", told), cwd=other)

    assert 1 == done.returncode
    assert b"refs/heads/run-1 is not the commit" in done.stderr and b"--no-code" in done.stderr
    assert [".git"] == os.listdir(other)
    assert "" == git(other, "for-each-ref", "refs/meticulous")
