"""Secrets are masked before a report is written, by the rules of ``meticulous/masking`` itself.

Those rules take milliseconds to load, so they are loaded only where a name or a text could be a
secret at all. Python 3.6 cannot read them; there, all that could be a secret is masked.
"""

import os
import sys

_start = globals()["load"]("start")

MASK = "***"

_STEMS = ("key", "token", "pass", "pw", "secret", "cred", "auth", "cookie", "bearer", "kennwort")
"""Every name that masking.py takes for a secret's has one of these in it."""

_MARKS = _STEMS + ("://", "sig=", "signature=", "hooks.slack", "webhooks/", "-----begin")
_TOKENS = (
    "8Q~", ":AA", "AGE-SECRET-KEY-", "ATATT", "ATBB", "ATCTT", "NRAK-", "PMAK-", "age-secret-key-",
    "figd_", "figo_", "figr_", "figu_", "glc_", "glsa_", "lin_api_", "ntn_", "sb_secret_", "sbp_",
    "shpat_", "shpca_", "shppa_", "shpss_", "sntrys_", "sntryu_",
    "AIza", "AIDA", "AKIA", "AROA", "ASIA", "GOCSPX-", "SG.", "api_org_", "dapi", "dckr_pat_",
    "dop_v1_", "eyJ", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "gldt-",
    "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "gloas-", "glagent-", "glimt-", "gsk_", "hf_",
    "hvb.", "hvs.", "local-", "lsv2_", "npm_", "nvapi-", "pk_", "pplx-", "pypi-", "r8_", "rk_", "sk-",
    "sk_", "tvly-", "wandb_v", "xai-", "xapp-", "xox", "ya29.",
)  # fmt: skip
"""Every text that masking.py takes for a secret has one of these in it; a test holds the two."""

_PROGRAMS = (
    "7z", "az", "curl", "docker", "helm", "http", "https", "ldapsearch", "lftp", "mariadb", "mongo",
    "mongodump", "mongorestore", "mongosh", "mysql", "mysqladmin", "mysqldump", "oc", "openssl",
    "podman", "rabbitmqadmin", "redis-cli", "skopeo", "smbclient", "sqlcmd", "ssh-keygen", "sshpass",
    "twine", "unzip", "vault", "wandb", "wget", "zip",
)  # fmt: skip
"""The programs of masking/programs.py; a test holds the two together."""
_OPTIONS = (" -", "'-", '"-', "login")
"""One of these comes between a program and a password."""

_loaded = []


def mask_record(record):
    """Return arguments, name -> plain value, as they may be written."""
    return {name: mask_value(name, value) for name, value in record.items()}


def mask_value(name, value):
    """Return the plain value of the argument `name` as it may be written, at any depth."""
    if not _could_hide(name, value):
        return value
    masking = _masking()
    return masking.mask_value(name, value) if masking else _all_masked(value)


def mask_words(words):
    """Return the words of a command line as they may be written."""
    if not _names_program(words) and not any(_could_hide(word, word) for word in words):
        return words
    masking = _masking()
    if masking:
        return masking.mask_command(words)
    after = [False] + [_has_stem(word) for word in words[:-1]]
    return [MASK if hit or _has_mark(word) else word for word, hit in zip(words, after)]


def mask_text(text):
    """Return a text, such as a traceback, as it may be written."""
    if not _could_hide(text, text):
        return text
    masking = _masking()
    return masking.mask_text(text) if masking else text


def _could_hide(name, value):
    """Tell at little cost whether masking could change `value`."""
    if isinstance(value, dict):
        return any(
            _could_hide(name, item) or _could_hide(str(key), item) for key, item in value.items()
        )
    if isinstance(value, list):
        return _names_program(value) or any(_could_hide(name, item) for item in value)
    if value is None or isinstance(value, bool):
        return False
    return _has_stem(name) or (isinstance(value, str) and _has_mark(value))


def _has_stem(name):
    lower = name.lower()
    return any(stem in lower for stem in _STEMS)


def _has_mark(text):
    lower = text.lower()
    if any(mark in lower for mark in _MARKS) or any(start in text for start in _TOKENS):
        return True
    return any(mark in text for mark in _OPTIONS) and any(name in text for name in _PROGRAMS)


def _names_program(words):
    return any(isinstance(word, str) and word.rpartition("/")[2] in _PROGRAMS for word in words)


def _all_masked(value):
    if isinstance(value, dict):
        return {key: _all_masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_all_masked(item) for item in value]
    return MASK if isinstance(value, str) else value


def _masking():
    """Return meticulous/masking as a module, or None where it cannot be had (Python 3.6)."""
    if not _loaded:
        try:
            _loaded.append(_load_masking())
        except Exception:
            _loaded.append(None)
    return _loaded[0]


def _load_masking():
    """Run the files of the package under names of ours; the program may have no meticulous."""
    import builtins

    parts = {
        "meticulous.masking." + name: _run(name, vars(builtins))
        for name in ("names", "programs", "shapes")
    }

    def import_for_masking(name, *args, **kwargs):
        return parts.get(name) or __import__(name, *args, **kwargs)

    return _run("__init__", dict(vars(builtins), __import__=import_for_masking))


def _run(name, with_builtins):
    package = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    path = os.path.join(package, "masking", name + ".py")
    spec = _start.spec_of_file("_meticulous_masking_" + name, path)
    module = type(sys)(spec.name)
    module.__dict__["__builtins__"] = with_builtins
    spec.loader.exec_module(module)
    return module
