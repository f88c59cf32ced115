"""Which names say that what they name is a secret.

Names of environment variables are judged strictly; names of arguments with more care, because
``--max-tokens 512`` and ``--pad_token "<pad>"`` are everyday words of the field. Standard library
only: `run` imports this.
"""

from __future__ import annotations

import functools
import re

__all__ = ["is_secret_name", "kind_of_name", "may_label"]

_STRICT = ("KEY", "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "PASSCODE", "CREDENTIAL")
_STRICT_WORDS = set("PASS PWD PW CREDS CRED AUTH AUTHORIZATION BEARER COOKIE COOKIES PAT".split())
_DIRECTORIES = {"PWD", "OLDPWD"}

_SURE = frozenset(
    [
        "password",
        "passwords",
        "passwd",
        "passwort",
        "kennwort",
        "passphrase",
        "passphrases",
        "passcode",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "cred",
        "creds",
        "pwd",
        "authorization",
        "apikey",
        "apikeys",
        "apitoken",
        "authkey",
        "authtoken",
        "accesskey",
        "accesstoken",
        "secretkey",
        "privatekey",
    ]
)
"""Words of an argument's name that make any text a secret, and a number too."""

_OWNERS = frozenset(
    [
        "access",
        "account",
        "admin",
        "anthropic",
        "api",
        "app",
        "auth",
        "aws",
        "azure",
        "bearer",
        "bot",
        "client",
        "cohere",
        "comet",
        "databricks",
        "deepseek",
        "deploy",
        "discord",
        "encryption",
        "gcp",
        "gemini",
        "git",
        "github",
        "gitlab",
        "google",
        "groq",
        "hf",
        "hub",
        "huggingface",
        "id",
        "jwt",
        "kaggle",
        "langchain",
        "langsmith",
        "license",
        "licence",
        "login",
        "master",
        "mistral",
        "mlflow",
        "neptune",
        "ngc",
        "npm",
        "oauth",
        "openai",
        "openrouter",
        "personal",
        "pinecone",
        "private",
        "pypi",
        "refresh",
        "registry",
        "replicate",
        "sas",
        "security",
        "service",
        "session",
        "signing",
        "slack",
        "ssh",
        "storage",
        "tavily",
        "telegram",
        "together",
        "webhook",
        "wandb",
        "xai",
    ]
)
"""Words that turn a following `key` or `token` into a secret: ``hub_token``, ``api-key``."""

_LIKELY = frozenset(["pw", "cookie", "cookies", "bearer"])
"""Last words of a name that make a text a secret, as ``token`` alone does."""

_ACCOUNTS = frozenset(
    "admin database db email ftp git http https imap jdbc ldap login mail mongo mongodb mssql mysql "
    "pg postgres postgresql proxy redis root smtp sql ssh sudo user vpn wifi".split()
)
"""Words that turn a following `pass` into a password; a ``low_pass`` is a filter."""

_STEMS = ("key", "token", "pass", "pw", "secret", "cred", "auth", "cookie", "bearer", "kennwort")

_ABOUT = frozenset(
    [
        "class",
        "col",
        "column",
        "count",
        "dim",
        "dims",
        "dir",
        "env",
        "environment",
        "expiry",
        "field",
        "file",
        "filename",
        "folder",
        "format",
        "func",
        "id",
        "ids",
        "idx",
        "index",
        "len",
        "length",
        "limit",
        "loss",
        "max",
        "min",
        "name",
        "num",
        "path",
        "prefix",
        "prob",
        "ratio",
        "scope",
        "size",
        "suffix",
        "ttl",
        "type",
        "url",
        "var",
        "variable",
        "version",
        "weight",
    ]
)
"""Last words of names that say something about a secret and do not hold it: ``token_file``."""

_WORDS_OF_NAMES = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+"


def is_secret_name(name: str) -> bool:
    """Return whether the environment variable `name` is taken to hold a secret, by its name alone."""
    upper = name.upper().replace("-", "_")
    if upper in _DIRECTORIES:
        return False
    return any(word in upper for word in _STRICT) or not _STRICT_WORDS.isdisjoint(upper.split("_"))


@functools.lru_cache(maxsize=1024)
def kind_of_name(name: str) -> str:
    """Judge the name of an argument: how surely its value is a secret.

    ``sure``, ``likely``, ``mixed`` (where the value looks like a password), ``pair`` (where it is
    ``user:password`` or looks random), ``maybe`` (where it looks random) or ``""`` (never).
    """
    if not may_label(name):
        return ""
    words = [word.lower() for word in re.findall(_WORDS_OF_NAMES, name)]
    if not words or words[-1] in _ABOUT:
        return ""
    return "sure" if not _SURE.isdisjoint(words) else _kind_of_last(words)


def _kind_of_last(words: list[str]) -> str:
    """Judge by the last of the words of a name, and the one before it."""
    last, owner = words[-1], words[-2:-1]
    if last in ("key", "keys", "token", "tokens"):
        if words == ["token"] or not _OWNERS.isdisjoint(owner):
            return "likely"
        return "maybe" if last in ("key", "token") else ""
    if last in _LIKELY or (last == "pass" and not _ACCOUNTS.isdisjoint(owner)):
        return "likely"
    if words == ["pass"]:
        return "mixed"
    if last == "auth":
        return "pair"
    return "maybe" if last == "pass" else ""


def may_label(text: str) -> bool:
    """Tell at little cost that `text` holds no word that could label a secret."""
    lower = text.lower()
    return any(stem in lower for stem in _STEMS)
