"""Parsers that make an Experiment: what is theirs, what is ours, and parsed once."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from meticulous import Experiment
from meticulous.experiment import DirtyRepoException
from tests.conftest import git


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    """A parser with our group."""
    parser = argparse.ArgumentParser()
    Experiment.add_argument_group(parser)
    return parser


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean repository that is the current directory."""
    monkeypatch.chdir(repository)
    return repository


def recorded(name: str) -> object:
    """Return a JSON file of the first run."""
    return json.loads(Path("experiments/1", name).read_bytes())


def test_own_and_meticulous_arguments_are_told_apart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lr", type=float, default=0.1)
    words = ["--lr", "1", "--description", "why", "--norecord"]
    args, default_args, meticulous_args = Experiment.extract_meticulous_args(parser, words)
    assert {"lr": 1.0} == args
    assert {"lr": 0.1} == default_args
    assert {
        "project_directory": "",
        "experiments_directory": "experiments",
        "experiment_id": None,
        "description": "why",
        "resume": False,
        "norecord": True,
        "dirty": None,
    } == meticulous_args


def test_the_ways_out_that_a_refusal_names_are_options(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    (project / "work.py").write_text("a\n")
    git(project, "add", "work.py")
    with pytest.raises(DirtyRepoException, match="--dirty ignore"):
        Experiment.from_parser(parser, [])
    with Experiment.from_parser(parser, ["--dirty", "ignore"]) as experiment:
        assert experiment.metadata["dirty"] is True


def test_required_options_and_positionals_have_no_default(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", nargs="+")
    parser.add_argument("--model", required=True)
    args, default_args, _ = Experiment.extract_meticulous_args(parser, ["--model", "m", "a", "b"])
    assert {"data": ["a", "b"], "model": "m"} == args
    assert {"data": None, "model": None} == default_args


def test_what_a_subcommand_parses_is_nested_under_it(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train")
    train.add_argument("--lr", type=float, default=0.1)
    train.set_defaults(run=print)
    commands.add_parser("test").add_argument("--split", default="dev")
    with Experiment.from_parser(parser, ["--seed", "1", "train", "--lr", "2"]):
        pass
    assert {"seed": 1, "command": "train", "train": {"lr": 2.0, "run": "print"}} == recorded(
        "args.json"
    )
    assert {"seed": 0, "command": None, "train": {"lr": 0.1, "run": "print"}} == recorded(
        "default_args.json"
    )
    assert ["seed", "command", "train.lr"] == recorded("metadata.json")["args-given"]  # type: ignore[index]


def test_the_parser_is_not_parsed_twice(parser: argparse.ArgumentParser, project: Path) -> None:
    effects = []

    def noting(text: str) -> str:
        effects.append(text)
        return text

    parser.add_argument("--note", type=noting, default="none")
    parser.add_argument("--verbose", "-v", action="count", default=0)
    words = ["--note", "x", "-vv"]
    with Experiment.from_parser(parser, words):
        again = parser.parse_args(words)
        assert ("x", 2) == (again.note, again.verbose)
        assert ["x"] == effects
        other = parser.parse_args(["--note", "y"])
        assert ("y", ["x", "y"]) == (other.note, effects)


def test_a_second_experiment_of_the_same_words_has_the_same_record(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    parser.add_argument("--lr", type=float, default=0.1)
    words = ["--lr", "2"]
    expected = ({"lr": 2.0}, {"lr": 0.1})
    assert expected == Experiment.extract_meticulous_args(parser, words)[:2]
    with Experiment.from_parser(parser, words):
        assert expected == (recorded("args.json"), recorded("default_args.json"))
        assert ["lr"] == recorded("metadata.json")["args-given"]  # type: ignore[index]


def test_a_parser_that_changes_is_parsed_anew(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    parser.add_argument("--lr", type=float, default=0.1)
    words = ["--size", "3"]
    with Experiment.from_parser(parser, words):
        parser.add_argument("--size", type=int)
        assert 3 == parser.parse_args(words).size
        parser.set_defaults(lr=0.5)  # as from a file that an argument has named
        assert 0.5 == parser.parse_args(words).lr


def test_what_a_namespace_has_comes_before_a_default(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--size", type=int, default=1)
    words = ["--size", "3"]
    with Experiment.from_parser(parser, words):
        again = parser.parse_args(words, namespace=argparse.Namespace(lr=0.5, size=2))
        assert (0.5, 3) == (again.lr, again.size)


def test_positionals_between_options_can_still_be_parsed(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    parser.add_argument("files", nargs="*")
    parser.add_argument("--lr", type=float)
    words = ["a", "--lr", "1", "b"]
    with Experiment.from_parser(parser, words):
        again = parser.parse_intermixed_args(words)
        assert (["a", "b"], 1.0) == (again.files, again.lr)


def test_a_configargparse_parser_does_as_well(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configargparse = pytest.importorskip("configargparse")
    monkeypatch.setenv("LR", "0.5")
    parser = configargparse.ArgParser()
    parser.add("--lr", type=float, default=0.1, env_var="LR")
    Experiment.add_argument_group(parser)
    words = ["--description", "why"]
    with Experiment.from_parser(parser, words):
        assert 0.5 == parser.parse_args(words).lr
    assert {"lr": 0.5} == recorded("args.json")
    assert {"lr": 0.1} == recorded("default_args.json")


def test_the_group_can_be_that_of_a_subcommand(project: Path) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    train = commands.add_parser("train")
    train.add_argument("--lr", type=float, default=0.1)
    Experiment.add_argument_group(train)
    commands.add_parser("describe").add_argument("--description")
    words = ["train", "--lr", "2", "--description", "why"]
    with Experiment.from_parser(parser, words) as experiment:
        assert "why" == experiment.metadata["description"]
        assert ["command", "train.lr"] == experiment.metadata["args-given"]
    assert {"command": "train", "train": {"lr": 2.0}} == recorded("args.json")
    assert {"command": None, "train": {"lr": 0.1}} == recorded("default_args.json")
    assert Experiment.from_parser(parser, ["train", "--norecord"]).norecord
    args, _, ours = Experiment.extract_meticulous_args(parser, ["describe", "--description", "d"])
    assert ({"command": "describe", "describe": {"description": "d"}}, {}) == (args, ours)


def test_leftover_words_are_the_programs_to_judge(
    parser: argparse.ArgumentParser, project: Path
) -> None:
    words = ["--hydra.verbose", "1"]
    with Experiment.from_parser(parser, words):
        assert words == parser.parse_known_args(words)[1]
        with pytest.raises(SystemExit):
            parser.parse_args(words)


def test_a_wrong_command_line_makes_no_run(parser: argparse.ArgumentParser, project: Path) -> None:
    parser.add_argument("--lr", type=float, required=True)
    for words in ([], ["--lr", "much"], ["--help"]):
        with pytest.raises(SystemExit):
            Experiment.from_parser(parser, words)
    assert not Path("experiments").exists()


def test_the_group_takes_defaults(project: Path) -> None:
    parser = argparse.ArgumentParser()
    Experiment.add_argument_group(parser, experiments_directory="runs", description="always")
    with Experiment.from_parser(parser, []) as experiment:
        pass
    assert str(project / "runs" / "1") == experiment.curexpdir
    assert "always" == experiment.metadata["description"]
    with pytest.raises(TypeError, match="no such option: colour"):
        Experiment.add_argument_group(argparse.ArgumentParser(), colour="red")


def test_a_class_of_the_programs_own_makes_what_is_parsed(project: Path) -> None:
    class Mine(Experiment):
        def __init__(self, args: dict[str, object], *words: object, **options: object) -> None:
            super().__init__({**args, "mine": True}, *words, **options)  # type: ignore[arg-type]

    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    with Mine.from_parser(parser, ["--lr", "2"]) as experiment:
        assert isinstance(experiment, Mine)
    assert {"lr": 2.0, "mine": True} == recorded("args.json")


def test_a_parser_without_the_group_does_as_well(project: Path) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    with Experiment.from_parser(parser, [], description="why") as experiment:
        pass
    assert {"lr": 0.1} == recorded("args.json")
    assert "why" == experiment.metadata["description"]


def test_defaults_are_recorded_as_argparse_converts_them(
    parser: argparse.ArgumentParser,
) -> None:
    parser.add_argument("--size", type=int, default="3")
    parser.add_argument("--out", type=Path, default="runs")
    parser.add_argument("--hidden", default=argparse.SUPPRESS)
    args, default_args, _ = Experiment.extract_meticulous_args(parser, ["--size", "4"])
    assert {"size": 4, "out": Path("runs")} == args
    assert {"size": 3, "out": Path("runs")} == default_args
