from __future__ import annotations

import json
import math
import shlex
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from meticulous.arguments import from_argv, scalar
from meticulous.child.helper import json_bytes


def values_of(line: str) -> dict[str, Any]:
    return from_argv(["prog", *shlex.split(line)]).values


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("--lr 0.1", {"lr": 0.1}),
        ("--lr=0.1", {"lr": 0.1}),
        ("--batch-size 32", {"batch_size": 32}),
        ("--fp16", {"fp16": True}),
        ("--no-amp", {"no_amp": True}),
        ("--fp16 --lr 1", {"fp16": True, "lr": 1}),
        ("-k 3", {"k": 3}),
        ("-k=3", {"k": 3}),
        ("-lr 0.1", {"lr": 0.1}),
        ("-j8 x", {"j": 8, "positionals": ["x"]}),
        ("-vvv", {"v": 3}),
        ("-v -v", {"v": 2}),
        ("-vv x", {"v": 2, "positionals": ["x"]}),
        ("lr=0.1", {"lr": 0.1}),
        ("+lr=0.1 ++wd=0", {"lr": 0.1, "wd": 0}),
        ("~db ~opt=adam", {"~db": None, "~opt": "adam"}),
        ("model.depth=3 db@a.b=c", {"model.depth": 3, "db@a.b": "c"}),
        ("model/encoder=vit", {"model/encoder": "vit"}),
        ("-m lr=1,2 seed=3", {"m": True, "lr": "1,2", "seed": 3}),
        ("--multirun a-b=1", {"multirun": True, "a-b": 1}),
        ("a 2 true", {"positionals": ["a", 2, True]}),
        ("--a 1 -- --b 2", {"a": 1, "positionals": ["--b", 2]}),
        ("--tag a --tag b", {"tag": ["a", "b"]}),
        ("--tag a b --tag c", {"tag": ["a", "b", "c"]}),
        ("--sizes 1 2 3", {"sizes": [1, 2, 3]}),
        ("--betas 0.9 0.999 --x", {"betas": [0.9, 0.999], "x": True}),
        ("--names a b c", {"names": ["a", "b", "c"]}),
        ("--data a.csv b.csv", {"data": ["a.csv", "b.csv"]}),
        ("-a resnet18 /imagenet", {"a": "resnet18", "positionals": ["/imagenet"]}),
        ("--epochs 3 conf.yaml", {"epochs": 3, "positionals": ["conf.yaml"]}),
        ("--opts A.B 1", {"opts": "A.B", "positionals": [1]}),
        ("--lr -1e-3", {"lr": -0.001}),
        ("--range -1 1 -.5", {"range": [-1, 1, -0.5]}),
        ("-3", {"positionals": [-3]}),
        ("--text 'a b -c' x", {"text": ["a b -c", "x"]}),
        ("'--not an option'", {"positionals": ["--not an option"]}),
        ("--text='a b=c'", {"text": "a b=c"}),
        ("--empty= --blank ''", {"empty": "", "blank": ""}),
        ("- --x -", {"positionals": ["-"], "x": "-"}),
        ("--x ---", {"x": "---"}),
        ("https://h/x?a=b", {"positionals": ["https://h/x?a=b"]}),
        ("https://h/a=b", {"positionals": ["https://h/a=b"]}),
        ("runs/lr=0.1/a.pt", {"positionals": ["runs/lr=0.1/a.pt"]}),
        ("./a=b", {"positionals": ["./a=b"]}),
        ("--cfg a=1 b=2", {"cfg": True, "a": 1, "b": 2}),
        ("--π 3", {"π": 3}),
        ("--positionals 1 x", {"positionals": [1, "x"]}),
        ("--on off --yes no", {"on": "off", "yes": "no"}),
    ],
)
def test_shapes(line: str, values: dict[str, Any]) -> None:
    assert values_of(line) == values


@pytest.mark.parametrize(
    "wrapped",
    [
        "python train.py",
        "python3.11 -u train.py",
        "/usr/bin/python3 -X dev -Wignore -uB train.py",
        "python -m pkg.train",
        "python -um pkg.train",
        "python -mpkg.train",
        "python -c 'import x; x()'",
        "python --check-hash-based-pycs never train.py",
        "python -",
        "./train.py",
        "torchrun --standalone --nproc_per_node=2 train.py",
        "torchrun --nproc-per-node 2 --nnodes 1 --rdzv-backend c10d train.py",
        "torchrun --nproc_per_node 8 -m pkg.train",
        "python -m torch.distributed.run --nproc_per_node 2 train.py",
        "python -m torch.distributed.launch --use_env --nproc_per_node 2 train.py",
        "accelerate launch train.py",
        "accelerate launch --multi-gpu --num_processes 2 --config_file a.yaml train.py",
        "deepspeed --num_gpus 2 --module pkg.train",
        "mpirun -np 4 python train.py",
        "mpirun -n 4 --mca btl tcp,self -x PATH --bind-to none python train.py",
        "srun -n 4 --gres gpu:1 --mem=4G python -u train.py",
        "srun --label torchrun --nproc_per_node 8 train.py",
        "uv run train.py",
        "uv run --with rich -p 3.12 python train.py",
        "uv --project x run -- python train.py",
        "poetry run python train.py",
        "conda run -n env --no-capture-output python train.py",
        "env A=1 B=2 python train.py",
        "env -u A -i B=2 nohup python train.py",
        "nice -n 10 python train.py",
        "nice -10 python train.py",
        "timeout -k 5 1h python train.py",
        "taskset -c 0-3 python train.py",
        "numactl --cpunodebind 0 -m 0 python train.py",
        "time -p python train.py",
        "nohup nice torchrun train.py",
        "bash run.sh",
        "bash -ex run.sh",
        "bash -c 'python train.py'",
        "Rscript --vanilla fit.R",
        "julia --project=. -t 4 fit.jl",
        "python -m cProfile -o out.prof train.py",
        "python -m pdb -c continue train.py",
        "python -m debugpy --listen 5678 --wait-for-client train.py",
        "python -m coverage run --source pkg train.py",
        "python -m accelerate.commands.launch --num_processes 1 train.py",
    ],
)
def test_only_the_words_after_the_script_are_arguments(wrapped: str) -> None:
    found = from_argv([*shlex.split(wrapped), "data", "--lr", "1", "a.b=c"])

    assert found.values == {"positionals": ["data"], "lr": 1, "a.b": "c"}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("pytest -x tests", {"x": "tests"}),
        ("uv pip install x", {"positionals": ["pip", "install", "x"]}),
        ("accelerate config --x 1", {"positionals": ["config"], "x": 1}),
        ("env", {}),
        ("python", {}),
        ("python -m", {}),
        ("nice -n", {}),
        ("torchrun --x", {}),
        ("uv --project", {"project": True}),
    ],
)
def test_what_runs_no_other_program_is_the_program(line: str, values: dict[str, Any]) -> None:
    assert from_argv(shlex.split(line)).values == values


def test_the_record_names_what_was_given_in_order_and_knows_no_defaults() -> None:
    found = from_argv(["python", "x.py", "--b", "1", "pos", "--a", "--b", "2"])

    assert found.given == ("b", "positionals", "a")
    assert found.defaults == {}
    assert found.source == "argv"


def test_secrets_are_masked() -> None:
    found = from_argv(
        ["python", "x.py", "--api-key", "abc", "token=d", "http://u:p@h", "--lr", "1"]
    )

    assert found.values == {
        "api_key": "***",
        "token": "***",
        "positionals": ["http://u:***@h"],
        "lr": 1,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("yes", "yes"),
        ("1", 1),
        ("+1", 1),
        ("007", 7),
        ("0o17", 15),
        ("0xff", 255),
        ("1_000", "1_000"),
        ("1e-3", 0.001),
        ("1e5", 100000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".", "."),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("12e4567", "12e4567"),
        ("9" * 5000, "9" * 5000),
        ("0x" + "f" * 9000, "0x" + "f" * 9000),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("", ""),
        ("None", "None"),
        ("٣", "٣"),
        ("1\n", "1\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(scalar(".nan"))


@given(
    st.from_regex(r"[-+]?(0|[1-9][0-9]{0,20})", fullmatch=True)
    | st.from_regex(r"[-+]?[1-9][0-9]{0,5}\.[0-9]{0,5}([eE][-+][0-9]{1,2})?", fullmatch=True)
    | st.from_regex(r"0x[0-9a-fA-F]{1,8}|-?\.inf|null|~|true|false", fullmatch=True)
    | st.from_regex(r"[a-zA-Z][a-zA-Z0-9_./ ]{3,}[a-z]", fullmatch=True)
)
def test_scalars_are_what_yaml_reads_where_its_versions_agree(text: str) -> None:
    assert scalar(text) == yaml.safe_load(text)


ANY_TEXT = st.text(st.characters(exclude_categories=[]))
PIECES = st.sampled_from(
    [
        "-",
        "--",
        "=",
        "a",
        "1",
        "k",
        "+",
        "~",
        " ",
        "python",
        "env",
        "-m",
        "uv",
        "run",
        "***",
        "\udc80",
    ]
)
WORDS = ANY_TEXT | PIECES | st.lists(PIECES).map("".join)


@given(st.lists(WORDS))
@example([])
@example([""])
@example(["python", "\udcff", "--\udcff=\udcff"])
def test_any_words_give_a_record_that_can_be_written(command: list[str]) -> None:
    found = from_argv(command)

    assert tuple(found.values) == found.given
    json.loads(json_bytes(found.values))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("word", ["1", "--x", "a=1", "-v", "--token", "env", "-", "x/y", ""])
def test_a_hundred_thousand_words_are_read(word: str) -> None:
    command = ["prog", *[word] * 100_000]

    assert from_argv(command).source == "argv"
