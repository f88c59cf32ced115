"""Whatever is in a run folder comes in as it went out, or is named as left out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.archive.pack import Plan, pack
from meticulous.archive.take_in import take_in
from meticulous.runfolder import RunFolder

NAMES = st.one_of(
    st.sampled_from(["a", "b", "Ä", "a b", "-x", "~", "'\"", "new\nline", "#", "a.tmp", "%41"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), max_size=12),
).filter(lambda name: name not in ("", ".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.one_of(st.none(), st.binary(max_size=300), PATHS), max_size=6)
"""Path -> content, the target of a link, or None for a folder."""
FORMS = st.sampled_from([".zip", ".tar.zst", ".tar.gz", ".tar", "/"])


def make(folder: Path, tree: dict[str, bytes | str | None]) -> None:
    """Make as much of `tree` as the file system takes."""
    for name, content in tree.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.symlink_to(content)
        except OSError:
            continue


def found(folder: Path) -> dict[str, object]:
    """Return what is in `folder`, but for the metadata; a folder that is not empty is in its files."""
    result: dict[str, object] = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place) / name
            inner = str(path.relative_to(folder))
            if path.is_symlink():
                result[inner] = os.readlink(path)
            elif path.is_file():
                result[inner] = path.read_bytes()
            elif not os.listdir(path):
                result[inner] = None
    result.pop("metadata.json")
    return result


@settings(max_examples=60)
@given(TREES, FORMS)
def test_any_folder_comes_in_as_it_went_out(tree: dict[str, bytes | str | None], form: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch, "store")
        folder = store / "1"
        folder.mkdir(parents=True)
        run = RunFolder(str(folder))
        make(folder, tree)
        run.write_json("metadata.json", {"format": 1, "start-time": None})

        manifest = pack(Plan([run], ["SUCCESS"], None, code="none"), f"{scratch}/a{form}")
        (taken,) = take_in(f"{scratch}/a{form}", f"{scratch}/other", None)

        expected = found(folder)
        for name in manifest.left_out:
            del expected[name.removeprefix("runs/1/")]
        here = found(Path(scratch, "other", taken.new_id))
        # A folder of which all was left out is not there; it held nothing else.
        assert {k: v for k, v in expected.items() if v is not None} == {
            k: v for k, v in here.items() if v is not None
        }
        assert {k for k, v in expected.items() if v is None} <= set(here)
