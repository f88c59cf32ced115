from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.masking import (
    MASK,
    is_secret_name,
    mask_command,
    mask_text,
    mask_value,
    mask_variable,
)
from meticulous.masking import shapes as secretshapes

NOT_SECRET = [
    ("max-tokens", "512"),
    ("max_new_tokens", "4096"),
    ("num_tokens", "1000000000"),
    ("tokenizer", "bert-base-uncased"),
    ("tokenizer_name", "meta-llama/Llama-2-7b-hf"),
    ("tokenizer-path", "/data/tok/v2abc123def456.model"),
    ("tokens-per-batch", "65536"),
    ("train_tokens", "300B"),
    ("keypoints", "17"),
    ("keypoint_loss", "l1"),
    ("num-keypoints", "coco17"),
    ("key-dim", "64"),
    ("key_size", "64"),
    ("num_key_value_heads", "8"),
    ("qkv_bias", "true"),
    ("monkey", "capuchin"),
    ("keyword", "alpha"),
    ("keywords", "alpha,beta"),
    ("keyframe-interval", "30"),
    ("turkey", "yes"),
    ("pad-token-id", "50256"),
    ("pad_token", "<pad>"),
    ("pad_token", "[PAD]"),
    ("eos_token", "</s>"),
    ("bos-token", "<|begin_of_text|>"),
    ("eos-token", "2"),
    ("mask_token", "[MASK]"),
    ("image_token", "<image>"),
    ("placeholder_token", "<cat-toy>"),
    ("initializer_token", "toy"),
    ("unk-token", "UNK"),
    ("special_tokens", "<a>,<b>"),
    ("additional_special_tokens", "foo"),
    ("stop_token", "endoftext"),
    ("token_level_loss", "true"),
    ("token-dropout", "0.1"),
    ("use_auth_token", "true"),
    ("use-auth-token", "False"),
    ("key", "loss"),
    ("sort-key", "val/loss"),
    ("image-key", "observation.images.top"),
    ("input_key", "text"),
    ("label-key", "label"),
    ("mlp_keys", ".*"),
    ("cnn-keys", "image"),
    ("camera_keys", "left,right"),
    ("monitor_key", "eval_accuracy"),
    ("text_key", "caption"),
    ("jax_key", "42"),
    ("rng-key", "0"),
    ("author", "Ada"),
    ("authors", "Ada"),
    ("bypass", "conv"),
    ("passes", "3"),
    ("num_passes", "3"),
    ("single-pass", "true"),
    ("low-pass", "butterworth"),
    ("compass", "north"),
    ("secret_length", "32"),
    ("password-file", "/run/secrets/db"),
    ("api-key-env", "OPENAI_API_KEY"),
    ("token-type", "bpe"),
    ("credit", "5"),
    ("sky", "blue"),
    ("task-name", "sk-learn-baseline-experiment-2024-01"),
    ("model", "sk_resnet50_imagenet_pretrained_1k"),
    ("output-dir", "runs/2024-01-01/bert_base_uncased_seed1"),
    ("commit", "9129cb7a625ad8f1c2d3e4f5061728394a5b6c7d"),
]

SECRET = [
    ("api-key", "abc"),
    ("api_key", "0123456789abcdef"),
    ("apikey", "abc"),
    ("api-keys", "abc,def"),
    ("openai_api_key", "x-1"),
    ("OPENAI_API_KEY", "whatever"),
    ("openaiApiKey", "whatever"),
    ("wandb-key", "0123456789abcdef0123456789abcdef01234567"),
    ("wandb_api_key", "0123456789abcdef0123456789abcdef01234567"),
    ("hf_token", "abcdef"),
    ("hf-token", "hf_abcdefghijklmnopqrstuvwxyz"),
    ("hub_token", "something"),
    ("hub-token", "something"),
    ("token", "mytoken"),
    ("access_token", "mytoken"),
    ("access-key", "mykey"),
    ("aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("secret", "x"),
    ("client-secret", "x"),
    ("client_secret_value", "x"),
    ("password", "hunter2"),
    ("password", "12345"),
    ("db-password", "hunter2"),
    ("db_passwd", "hunter2"),
    ("passphrase", "correct horse battery staple"),
    ("db.pwd", "hunter2"),
    ("credentials", "me:you"),
    ("use_auth_token", "hf-secret-value"),
    ("auth_token", "abc"),
    ("auth", "user:Zx81aa9Qk2fW"),
    ("bot-token", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
    ("slack_token", "anything"),
    ("private_key", "anything"),
    ("encryption-key", "anything"),
    ("neptune_api_token", "anything"),
    ("my_own_key", "a8f5f167f44f4964e6c998dee827110c"),
    ("some_token", "a8f5f167f44f4964e6c998dee827110c"),
    ("logger.wandb.api_key", "abc"),
    ("trainer.hub_token", "abc"),
    ("session-token", "abc"),
    ("ssh_key", "abc"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF_123-x"),
]

_LETTERS = "aB3dE5gH1jK2mN4pQ6sT7vW8xY9zA0cD2fG4hJ6k"

SHAPES = [
    "hf_" + _LETTERS[:34],
    "sk-" + _LETTERS,
    "sk-ant-api03-" + _LETTERS * 2,
    "sk-proj-" + _LETTERS + "_-" + _LETTERS,
    "sk-or-v1-" + "0123456789abcdef" * 4,
    "ghp_" + _LETTERS[:36],
    "github_pat_" + "11ABCDEFG0" * 2 + "_" + _LETTERS,
    "glpat-" + _LETTERS[:20],
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-" + "123456789012-abcdefABCDEF",
    "xoxp-" + "123456789012-abcdefABCDEF",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF_123-x",
    "AIza" + _LETTERS[:35],
    "gsk_" + _LETTERS,
    "r8_" + _LETTERS[:37],
    "nvapi-" + _LETTERS,
    "wandb_v1_" + _LETTERS,
    "npm_" + _LETTERS[:36],
    "SG." + _LETTERS[:22] + "." + _LETTERS,
]


@pytest.mark.parametrize(("name", "value"), NOT_SECRET)
def test_everyday_arguments_are_kept(name: str, value: str) -> None:
    commands = [
        ["x", f"--{name}", value],
        ["x", f"--{name}={value}"],
        ["x", f"-{name}", value],
        ["x", f"{name}={value}"],
        ["x", f"+{name}={value}"],
    ]

    assert mask_value(name, value) == value
    assert [mask_command(command) for command in commands] == commands


@pytest.mark.parametrize(("name", "value"), SECRET)
def test_secret_arguments_are_masked(name: str, value: str) -> None:
    assert mask_value(name, value) == MASK
    assert mask_command(["x", f"--{name}", value, "--y"]) == ["x", f"--{name}", MASK, "--y"]
    assert mask_command(["x", f"--{name}={value}"]) == ["x", f"--{name}={MASK}"]
    assert mask_command(["x", f"{name}={value}"]) == ["x", f"{name}={MASK}"]
    assert mask_command(["x", f"+{name}={value}"]) == ["x", f"+{name}={MASK}"]


@pytest.mark.parametrize("token", SHAPES)
def test_tokens_are_known_by_their_shape(token: str) -> None:
    assert mask_text(token) == MASK
    assert mask_text(f"see {token}, please") == f"see {MASK}, please"
    assert mask_command(["x", token, f"--opt={token}", f"a=b={token}"]) == [
        "x",
        MASK,
        f"--opt={MASK}",
        f"a=b={MASK}",
    ]
    assert mask_value("note", {"deep": [token, 1]}) == {"deep": [MASK, 1]}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:pw@github.com/a/b.git", "https://me:***@github.com/a/b.git"),
        ("https://me:p@ss:w@host/x@y", "https://me:***@host/x@y"),
        ("https://:pw@host", "https://:***@host"),
        ("postgres://u:pw@db:5432/x", "postgres://u:***@db:5432/x"),
        ("a http://x:1@h http://y:2@h", "a http://x:***@h http://y:***@h"),
        ("https://git@github.com/a/b", "https://git@github.com/a/b"),
        ("https://0123456789abcdef0123456789abcdef01234567@h/a", "https://***@h/a"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("tcp://127.0.0.1:29500", "tcp://127.0.0.1:29500"),
        ("https://h/x?a=1&token=zzz&b=2", "https://h/x?a=1&token=***&b=2"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=ab12",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=***",
        ),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("authorization: Basic dTpw", "authorization: Basic ***"),
        ("X-Api-Key: abc", "X-Api-Key: ***"),
        ("AccountName=a;AccountKey=b==;X=y", "AccountName=a;AccountKey=***;X=y"),
        ("export API_KEY=abc; python t.py", "export API_KEY=***; python t.py"),
        ("python t.py --api-key abc --lr 1", "python t.py --api-key *** --lr 1"),
        ("A_PASSWORD='a b' x", "A_PASSWORD='***' x"),
        ('{"api_key": "abc", "lr": 1}', '{"api_key": "***", "lr": 1}'),
        ("KEY: a colon in prose is no label", "KEY: a colon in prose is no label"),
        ("the token was lost", "the token was lost"),
        ("max_tokens=512 pad_token=<pad>", "max_tokens=512 pad_token=<pad>"),
        ("", ""),
    ],
)
def test_secrets_are_masked_where_they_stand_in_a_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


def test_a_private_key_is_masked_whole() -> None:
    begin, end = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"

    assert mask_text(f"{begin}\nb3Bl\ncmFu\n{end}\n") == f"{begin}{MASK}{end}\n"


@pytest.mark.parametrize(
    "name",
    "HF_TOKEN OPENAI_API_KEY AWS_ACCESS_KEY_ID aws_secret_access_key DB_PASSWORD PGPASSWORD "
    "GITHUB_PAT MYSQL_PWD GPG_PASSPHRASE GOOGLE_APPLICATION_CREDENTIALS hub-token SESSION_COOKIE "
    "NPM_AUTH".split(),
)
def test_names_of_secret_variables(name: str) -> None:
    assert is_secret_name(name)
    assert mask_variable(name, "anything") == MASK


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "OLDPWD", "CUDA_VISIBLE_DEVICES", "AUTHOR", "COMPASS"]
)
def test_names_of_other_variables(name: str) -> None:
    assert not is_secret_name(name)
    assert mask_variable(name, "a") == "a"


def test_a_switch_is_no_secret_whatever_the_variable_is_called() -> None:
    assert mask_variable("TOKENIZERS_PARALLELISM", "false") == "false"
    assert mask_variable("CUDA_KEYS", "") == ""


def test_the_values_of_other_variables_are_judged_by_shape() -> None:
    assert mask_variable("HTTPS_PROXY", "http://u:p@proxy:3128") == "http://u:***@proxy:3128"


def test_variables_set_on_the_command_line_are_judged_as_variables() -> None:
    command = ["env", "MY_KEYS=a", "LR=1", "python", "x.py"]

    assert mask_command(command) == ["env", "MY_KEYS=***", "LR=1", "python", "x.py"]


def test_only_the_next_word_is_masked_unless_the_name_is_a_plural() -> None:
    assert mask_command(["x", "--password", "a", "b"]) == ["x", "--password", MASK, "b"]
    assert mask_command(["x", "--api-keys", "a", "b", "--lr", "1"]) == [
        *("x", "--api-keys", MASK, MASK, "--lr", "1"),
    ]


def test_an_option_is_not_the_value_of_the_option_before_it() -> None:
    command = ["x", "--token", "--verbose", "file"]

    assert mask_command(command) == command


def test_programs_known_to_take_passwords() -> None:
    assert mask_command(["curl", "-u", "a:b", "-u"]) == ["curl", "-u", MASK, "-u"]
    assert mask_command(["/usr/bin/sshpass", "-phunter2", "ssh", "h"])[1] == "-p***"
    assert mask_command(["sshpass", "-p", "x", "ssh", "-p", "22"]) == [
        *("sshpass", "-p", MASK, "ssh", "-p", "22"),
    ]
    assert mask_command(["ssh", "-p", "22"]) == ["ssh", "-p", "22"]


def test_nested_values_are_judged_by_the_nearest_name() -> None:
    value = {"wandb": {"api_key": "abc", "project": "p"}, "password": 12345, "max_tokens": 5}

    assert mask_value("config", value) == {
        "wandb": {"api_key": MASK, "project": "p"},
        "password": MASK,
        "max_tokens": 5,
    }


def test_everything_below_a_surely_secret_name_is_masked() -> None:
    value = {"user": "me", "ports": [1, None, True], "deep": {"x": "y"}}

    assert mask_value("credentials", value) == {
        "user": MASK,
        "ports": [MASK, None, True],
        "deep": {"x": MASK},
    }


@given(st.lists(st.text(st.characters(exclude_categories=[]))))
def test_any_command_keeps_its_number_of_words(argv: list[str]) -> None:
    assert len(mask_command(argv)) == len(argv)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text(), _JSON)
def test_masking_twice_is_masking_once(name: str, value: object) -> None:
    once = mask_value(name, value)

    assert mask_value(name, once) == once
    json.dumps(once)


@settings(max_examples=400)
@given(st.one_of([st.from_regex(shape, fullmatch=True) for shape in secretshapes._TOKENS]))
def test_every_token_has_a_known_beginning(text: str) -> None:
    """Else it would not be looked for."""
    assert any(word in text for word in secretshapes.BEGINNINGS)


@given(st.from_regex(secretshapes._IN_PLACE))
def test_every_place_of_a_secret_has_a_known_mark(text: str) -> None:
    assert any(word in text.casefold() for word in secretshapes.MARKS)
