from __future__ import annotations

import importlib.metadata
import json
import re
import site
from pathlib import Path

import pytest

from meticulous.environment.packages import installed


def test_the_installed_packages_are_those_that_python_sees() -> None:
    directories = site.getsitepackages()
    told = {
        re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(): found.version
        for found in importlib.metadata.distributions(path=directories)
    }

    assert installed(directories).versions == dict(sorted(told.items()))


def dist_info(directory: Path, name: str, direct_url: object = None) -> None:
    info = directory / f"{name}.dist-info"
    info.mkdir(parents=True)
    if direct_url is not None:
        text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
        (info / "direct_url.json").write_text(text)


def test_names_are_normalised_and_sorted(tmp_path: Path) -> None:
    for name in ("Zope.interface-5.0", "PyYAML-6.0.1+local.1", "a_b__c-1"):
        dist_info(tmp_path, name)
    (tmp_path / "~umpy-1.0.dist-info").mkdir()
    (tmp_path / "numpy").mkdir()

    found = installed([str(tmp_path)])

    assert list(found.versions.items()) == [
        ("a-b-c", "1"),
        ("pyyaml", "6.0.1+local.1"),
        ("zope-interface", "5.0"),
    ]
    assert found.sources == {}


def test_the_first_folder_that_has_a_package_wins(tmp_path: Path) -> None:
    dist_info(tmp_path / "a", "x-2")
    dist_info(tmp_path / "b", "X-1")

    found = installed([str(tmp_path / "none"), str(tmp_path / "a"), str(tmp_path / "b")])

    assert found.versions == {"x": "2"}


def test_older_forms_of_metadata_are_read(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for folder in (tmp_path / "bare.egg-info", source / "linked_one.egg-info"):
        folder.mkdir(parents=True)
        (folder / "PKG-INFO").write_text("Name: x\nVersion: 1.5\n\ntext")
    (tmp_path / "six-1.16.0-py3.11.egg-info").touch()
    (tmp_path / "python_apt-2.6.0.egg-info").touch()
    (tmp_path / "linked-one.egg-link").write_text(f"{source}\n.")
    (tmp_path / "gone.egg-link").write_text("/nowhere\n.")

    found = installed([str(tmp_path)])

    assert found.versions == {
        "bare": "1.5",
        "gone": "",
        "linked-one": "1.5",
        "python-apt": "2.6.0",
        "six": "1.16.0",
    }
    assert found.sources == {"gone": {"editable": True}, "linked-one": {"editable": True}}


@pytest.mark.parametrize(
    ("direct_url", "source"),
    [
        ({"url": "file:///home/me/x", "dir_info": {"editable": True}}, {"editable": True}),
        ({"url": "file:///home/me/x", "dir_info": {}}, {"local": True}),
        (
            {"url": "https://u:p@h/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            {"url": "https://u:***@h/x.git", "commit": "abc", "vcs": "git"},
        ),
        (
            {"url": "https://h/x.tgz", "archive_info": {"hashes": {"sha256": "ab"}}},
            {"url": "https://h/x.tgz", "hashes": {"sha256": "ab"}},
        ),
        (
            {"url": "https://h/x.tgz", "archive_info": {"hash": "sha256=ab"}, "subdirectory": "s"},
            {"url": "https://h/x.tgz", "hashes": {"sha256": "ab"}, "subdirectory": "s"},
        ),
        ({"url": "https://h/x.whl", "archive_info": {}}, {"url": "https://h/x.whl"}),
        ("not json", None),
        ("[]", None),
        ({"url": 3}, None),
        ({"url": "https://h/x", "vcs_info": 3}, None),
        ("[" * 100_000, None),
    ],
)
def test_where_a_package_came_from(tmp_path: Path, direct_url: object, source: object) -> None:
    dist_info(tmp_path, "x-1", direct_url)

    found = installed([str(tmp_path)])

    assert found.versions == {"x": "1"}
    assert found.sources == ({"x": source} if source else {})
