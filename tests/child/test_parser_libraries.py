"""Arguments of programs that use other parser libraries, at their current releases."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.shim_support import run_script


class Case(NamedTuple):
    """A program, its command line, and what must be recorded of it."""

    module: str
    feature: str
    text: str
    words: list[str]
    values: dict[str, Any]
    defaults: dict[str, Any]
    given: set[str]
    source: str


CASES = {
    "click: command": Case(
        "click",
        "a command: options, flags, tuples, `multiple`, arguments",
        """
        import click
        @click.command()
        @click.option("--lr", type=float, default=0.1)
        @click.option("--n", default=3)
        @click.option("--fast/--slow", default=True)
        @click.option("--tag", multiple=True)
        @click.option("--size", type=(int, str), default=(1, "a"))
        @click.argument("names", nargs=-1)
        def main(**k): print(k)
        main()
        """,
        ["--lr", "1e-3", "--slow", "--tag", "a", "--tag", "b", "x", "y"],
        {
            "lr": 0.001,
            "n": 3,
            "fast": False,
            "tag": ["a", "b"],
            "size": [1, "a"],
            "names": ["x", "y"],
        },
        {"lr": 0.1, "n": 3, "fast": True, "tag": None, "size": [1, "a"], "names": None},
        {"lr", "fast", "tag", "names"},
        "click",
    ),
    "click: groups": Case(
        "click",
        "nested groups",
        """
        import click
        @click.group()
        @click.option("-v", "--verbose", is_flag=True)
        def main(verbose): pass
        @main.group()
        @click.option("--url", default="u")
        def db(url): pass
        @db.command()
        @click.option("--n", type=int, required=True)
        @click.pass_context
        def migrate(ctx, n): print(ctx.params)
        main()
        """,
        ["-v", "db", "migrate", "--n", "2"],
        {"verbose": True, "command": "db migrate", "db": {"url": "u", "migrate": {"n": 2}}},
        {"verbose": False, "db": {"url": "u", "migrate": {"n": None}}},
        {"verbose", "db.migrate.n"},
        "click",
    ),
    "typer: command": Case(
        "typer",
        "a command with an Enum and a path",
        """
        import enum, pathlib, typer
        class Kind(str, enum.Enum): A = "a"; B = "b"
        def main(name: str, lr: float = 0.1, kind: Kind = Kind.A, out: pathlib.Path = "o"):
            print(name, lr, kind, out)
        typer.run(main)
        """,
        ["--lr", "2", "--kind", "b", "bob"],
        {"name": "bob", "lr": 2.0, "kind": "B", "out": "o"},
        {"name": None, "lr": 0.1, "kind": "A", "out": "o"},
        {"name", "lr", "kind"},
        "typer",
    ),
    "typer: subcommands": Case(
        "typer",
        "subcommands",
        """
        import typer
        app = typer.Typer()
        @app.command()
        def train(lr: float = 0.1): print(lr)
        @app.command()
        def test(k: int = 1): print(k)
        app()
        """,
        ["train", "--lr", "2"],
        {"command": "train", "train": {"lr": 2.0}},
        {"train": {"lr": 0.1}},
        {"train.lr"},
        "typer",
    ),
    "absl": Case(
        "absl",
        "`DEFINE_float`, `_bool`, `_list`, `_enum`",
        """
        from absl import app, flags
        flags.DEFINE_float("lr", 0.1, "rate"); flags.DEFINE_bool("fast", False, "")
        flags.DEFINE_list("names", ["a"], ""); flags.DEFINE_enum("opt", "sgd", ["sgd", "adam"], "")
        def main(argv): print(flags.FLAGS.lr, argv)
        app.run(main)
        """,
        ["--lr=3", "--fast", "--names=x,y", "rest"],
        {"lr": 3.0, "fast": True, "names": ["x", "y"], "opt": "sgd"},
        {"lr": 0.1, "fast": False, "names": ["a"], "opt": "sgd"},
        {"lr", "fast", "names"},
        "absl",
    ),
    "ml_collections: a config of the program": Case(
        "ml_collections",
        "`config_flags` of ml_collections: a config in the program",
        """
        from absl import app, flags
        from ml_collections import config_dict, config_flags
        config = config_dict.ConfigDict({"lr": 0.1, "model": {"depth": 3, "act": "relu"}})
        _CONFIG = config_flags.DEFINE_config_dict("config", config)
        flags.DEFINE_integer("seed", 1, "")
        def main(argv): print(_CONFIG.value.lr, argv)
        app.run(main)
        """,
        ["--config.lr=3", "--config.model.depth", "5"],
        {"config": {"lr": 3.0, "model": {"depth": 5, "act": "relu"}}, "seed": 1},
        {"config": {"lr": 0.1, "model": {"depth": 3, "act": "relu"}}, "seed": 1},
        {"config.lr", "config.model.depth"},
        "absl",
    ),
    "ml_collections: a config file": Case(
        "ml_collections",
        "`config_flags` of ml_collections: a config file",
        """
        from absl import app
        from ml_collections import config_flags
        open("conf.py", "w").write(
            "from ml_collections import ConfigDict\\n"
            "def get_config(): return ConfigDict({'lr': 0.1, 'model': {'act': 'relu'}})\\n"
        )
        _CONFIG = config_flags.DEFINE_config_file("config")
        def main(argv): print(_CONFIG.value.lr, argv)
        app.run(main)
        """,
        ["--config=conf.py", "--config.model.act=gelu"],
        {"config": {"lr": 0.1, "model": {"act": "gelu"}}},
        {"config": {"lr": 0.1, "model": {"act": "relu"}}},
        {"config", "config.model.act"},
        "absl",
    ),
    "fire: function": Case(
        "fire",
        "a function with `*args` and `**kwargs`",
        """
        import fire
        def main(path, lr=0.1, *rest, n=3, **more): print(path, lr, rest, n, more)
        fire.Fire(main)
        """,
        ["data", "0.5", "x", "--n", "4", "--other", "[1,2]"],
        {"path": "data", "lr": 0.5, "rest": ["x"], "n": 4, "other": [1, 2]},
        {"path": None, "lr": 0.1, "rest": None, "n": 3, "other": None},
        {"path", "lr", "n", "other"},
        "fire",
    ),
    "fire: methods of a class": Case(
        "fire",
        "a class and its method",
        """
        import fire
        class Trainer:
            def __init__(self, seed=0): self.seed = seed
            def fit(self, lr=0.1): return f"{self.seed} {lr}"
        fire.Fire(Trainer)
        """,
        ["--seed", "7", "fit", "--lr", "2"],
        {"seed": 7, "command": "fit", "fit": {"lr": 2}},
        {"seed": 0, "fit": {"lr": 0.1}},
        {"seed", "fit.lr"},
        "fire",
    ),
    "docopt": Case(
        "docopt",
        "commands, positionals, options (docopt and docopt-ng)",
        '''
        """Train.

        Usage: train.py (train | test) <data> [--lr=RATE] [-v] [--quiet]

        Options:
          --lr=RATE  Rate [default: 0.1]
          -v         More
          --quiet    Less
        """
        from docopt import docopt
        print(docopt(__doc__))
        ''',
        ["train", "d", "--lr=0.1"],
        {"train": True, "test": False, "data": "d", "lr": "0.1", "v": False, "quiet": False},
        {"train": False, "test": False, "data": None, "lr": "0.1", "v": False, "quiet": False},
        {"train", "data", "lr"},
        "docopt",
    ),
    "OmegaConf": Case(
        "omegaconf",
        "`from_cli()` merged into a config",
        """
        from omegaconf import OmegaConf
        base = OmegaConf.create({"lr": 0.1, "model": {"depth": 2, "width": "${lr}"}, "home": "${oc.env:HOME}"})
        cfg = OmegaConf.merge(base, OmegaConf.from_cli())
        print(OmegaConf.to_container(cfg))
        """,
        ["lr=2", "model.depth=5"],
        {"lr": 2, "model": {"depth": 5, "width": 2}, "home": "${oc.env:HOME}"},
        {"lr": 0.1, "model": {"depth": 2, "width": 0.1}, "home": "${oc.env:HOME}"},
        {"lr", "model.depth"},
        "OmegaConf",
    ),
    "Hydra": Case(
        "hydra",
        "groups, overrides, interpolations, additions",
        """
        import os, hydra
        os.makedirs("conf/model", exist_ok=True)
        open("conf/config.yaml", "w").write(
            "defaults: [_self_, {model: small}]\\nlr: 0.1\\ndouble: ${lr}\\nnow: ${now:%Y}\\n")
        open("conf/model/small.yaml", "w").write("depth: 2\\n")
        open("conf/model/big.yaml", "w").write("depth: 20\\nwidth: 3\\n")
        @hydra.main(version_base=None, config_path="conf", config_name="config")
        def main(cfg): print(cfg)
        main()
        """,
        ["model=big", "lr=0.5", "+extra=1"],
        {
            "lr": 0.5,
            "double": 0.5,
            "now": "${now:%Y}",
            "model": {"depth": 20, "width": 3},
            "extra": 1,
        },
        {"lr": 0.1, "double": 0.1, "now": "${now:%Y}", "model": {"depth": 2}},
        {"model", "lr", "extra"},
        "Hydra",
    ),
    "Hydra: several jobs": Case(
        "hydra",
        "several jobs: what is swept over, as it was typed",
        """
        import os, hydra
        os.makedirs("conf", exist_ok=True)
        open("conf/config.yaml", "w").write("lr: 0.1\\nk: 1\\n")
        @hydra.main(version_base=None, config_path="conf", config_name="config")
        def main(cfg): print(cfg)
        main()
        """,
        ["--multirun", "lr=0.5,0.7", "k=2"],
        {"lr": "0.5,0.7", "k": 2},
        {"lr": 0.1, "k": 1},
        {"lr", "k"},
        "Hydra --multirun",
    ),
    "jsonargparse": Case(
        "jsonargparse",
        "a function with a nested dataclass",
        """
        import dataclasses, jsonargparse
        @dataclasses.dataclass
        class Model: depth: int = 2; name: str = "m"
        def main(model: Model = Model(), lr: float = 0.1): print(model, lr)
        jsonargparse.auto_cli(main)
        """,
        ["--lr", "0.5", "--model.depth", "7"],
        {"config": None, "model": {"depth": 7, "name": "m"}, "lr": 0.5},
        {"config": None, "model": {"depth": 2, "name": "m"}, "lr": 0.1},
        {"lr", "model.depth"},
        "jsonargparse",
    ),
    "jsonargparse: subcommands": Case(
        "jsonargparse",
        "subcommands",
        """
        import jsonargparse
        def fit(lr: float = 0.1): print(lr)
        def test(k: int = 1): print(k)
        jsonargparse.auto_cli([fit, test])
        """,
        ["fit", "--lr", "2"],
        {"config": None, "subcommand": "fit", "fit": {"config": None, "lr": 2.0}},
        {"config": None, "subcommand": None, "fit": {"config": None, "lr": 0.1}},
        {"subcommand", "fit.lr"},
        "jsonargparse",
    ),
    "tyro: function and nested dataclass": Case(
        "tyro",
        "a function with a nested dataclass",
        """
        import dataclasses, tyro
        @dataclasses.dataclass
        class Model: depth: int = 2; name: str = "m"
        def main(path: str, model: Model, lr: float = 0.1): print(path, model, lr)
        tyro.cli(main)
        """,
        ["--path", "p", "--model.depth", "7"],
        {"path": "p", "model": {"depth": 7, "name": "m"}, "lr": 0.1},
        {"path": None, "model": {"depth": 2, "name": "m"}, "lr": 0.1},
        {"path", "model.depth"},
        "tyro",
    ),
    "tyro: subcommands": Case(
        "tyro",
        "subcommands",
        """
        import tyro
        def train(lr: float = 0.1): print(lr)
        def test(k: int = 1): print(k)
        tyro.extras.subcommand_cli_from_dict({"train": train, "test": test})
        """,
        ["train", "--lr", "2"],
        {"command": "train", "train": {"lr": 2.0}},
        {"train": {"lr": 0.1}},
        {"train.lr"},
        "tyro",
    ),
    "simple-parsing": Case(
        "simple_parsing",
        "a dataclass beside plain arguments",
        """
        import dataclasses, simple_parsing
        @dataclasses.dataclass
        class Options: lr: float = 0.1; n: int = 2
        parser = simple_parsing.ArgumentParser()
        parser.add_argument("--foo", type=int, default=1)
        parser.add_arguments(Options, dest="options")
        print(parser.parse_args())
        """,
        ["--lr", "5"],
        {"foo": 1, "options": {"lr": 5.0, "n": 2}},
        {"foo": 1, "options": {"lr": 0.1, "n": 2}},
        {"options.lr"},
        "simple-parsing",
    ),
    "ConfigArgParse": Case(
        "configargparse",
        "a config file beside the command line",
        """
        import configargparse
        open("c.ini", "w").write("n = 9\\n")
        parser = configargparse.ArgParser(default_config_files=["c.ini"])
        parser.add_argument("--lr", type=float, default=0.1); parser.add_argument("--n", type=int, default=1)
        print(parser.parse_args())
        """,
        ["--lr", "5"],
        {"lr": 5.0, "n": 9},
        {"lr": 0.1, "n": 1},
        {"lr"},
        "ConfigArgParse",
    ),
    "pydantic-settings": Case(
        "pydantic_settings",
        "`cli_parse_args` with a nested model",
        """
        import pydantic, pydantic_settings
        class Model(pydantic.BaseModel): depth: int = 2
        class Settings(pydantic_settings.BaseSettings, cli_parse_args=True):
            lr: float = 0.1; model: Model = Model(); tags: list[str] = []
        print(Settings())
        """,
        ["--lr", "3", "--model.depth", "5"],
        {"lr": 3.0, "model": {"depth": 5}, "tags": []},
        {"lr": 0.1, "model": {"depth": 2}, "tags": []},
        {"lr", "model.depth"},
        "pydantic-settings",
    ),
    "pydantic-settings: CliApp": Case(
        "pydantic_settings",
        "`CliApp.run`",
        """
        import pydantic, pydantic_settings
        class Settings(pydantic_settings.BaseSettings):
            lr: float = 0.1
            def cli_cmd(self): print(self.lr)
        pydantic_settings.CliApp.run(Settings)
        """,
        ["--lr", "3"],
        {"lr": 3.0},
        {"lr": 0.1},
        {"lr"},
        "pydantic-settings",
    ),
    "Sacred": Case(
        "sacred",
        "`with name=value`",
        """
        from sacred import Experiment
        ex = Experiment("e", save_git_info=False)
        @ex.config
        def config(): lr = 0.1; n = 2; double = lr * 2; seed = 1
        @ex.automain
        def main(lr, n): print(lr, n)
        """,
        ["with", "lr=3", "seed=5"],
        {"lr": 3, "n": 2, "double": 6, "seed": 5},
        {"n": 2, "double": 6},
        {"lr", "seed"},
        "Sacred",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_library(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    pytest.importorskip(case.module)

    child = run_script(tmp_path, textwrap.dedent(case.text), *case.words)

    assert child.code == 0, child.stderr
    got = child.report.arguments
    assert got is not None
    assert case.values == got.values
    assert case.defaults == got.defaults
    assert case.given == set(got.given)
    assert got.source.startswith(f"{case.source} in train.py (pid ")
