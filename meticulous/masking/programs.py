"""Programs that take a password in an option whose name does not say so, and the words of a text.

Nothing is masked here. Standard library only: `run` imports this.
"""

from __future__ import annotations

import functools
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PROGRAMS",
    "Reader",
    "commands_in",
    "is_attached",
    "may_name_program",
    "mentions_program",
]

_OPTIONS = {
    "7z": ("-p",),
    "az": ("-p",),
    "curl": ("-u", "--user", "--proxy-user", "-U", "-b", "--pass", "--proxy-pass"),
    "docker": ("-p",),
    "helm": ("-p",),
    "http": ("-a",),
    "https": ("-a",),
    "ldapsearch": ("-w",),
    "lftp": ("-u",),
    "mariadb": ("-p",),
    "mongo": ("-p",),
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "mongosh": ("-p",),
    "mysql": ("-p",),
    "mysqladmin": ("-p",),
    "mysqldump": ("-p",),
    "oc": ("-p",),
    "openssl": ("-passin", "-passout", "-pass", "-k"),
    "podman": ("-p",),
    "rabbitmqadmin": ("-p",),
    "redis-cli": ("-a",),
    "skopeo": ("-p",),
    "smbclient": ("-U",),
    "sqlcmd": ("-P",),
    "ssh-keygen": ("-N", "-P"),
    "sshpass": ("-p",),
    "twine": ("-p",),
    "unzip": ("-P",),
    "vault": (),
    "wandb": (),
    "wget": ("--http-password",),
    "zip": ("-P",),
}
"""Program -> its options whose value is a password though the name does not say so."""
PROGRAMS = tuple(_OPTIONS)
_ONLY_ATTACHED = ("7z", "mariadb", "mysql", "mysqladmin", "mysqldump")
"""Programs that take the password in the word of the option, and ask where none is there."""
_AFTER_LOGIN = ("az", "docker", "helm", "oc", "podman", "skopeo")
"""Programs whose option has that meaning after the word `login`; ``docker run -p`` is a port."""
_LOGIN_WITH = ("vault", "wandb")
"""Programs that take the secret itself after the word `login`."""
_COOKIES = ("curl", "-b")
"""Names a file of cookies where the value has no ``=``."""

_SEVERAL = r"(?<!\S)--?[\w-]*(?:passwords|creds|credentials|secrets|keys|tokens|cookies)\s"
"""An option after which several secrets may come."""
_WORDS = r"""(?x)
    (?P<gap> \\\r?\n )
  | (?P<end> [;&|()\n]+ )
  | (?P<word> (?: "(?:[^"\\]|\\.)*" | '[^']*' | \\. | [^\s;&|()"'] )+ | ["'] )
"""
_LIST = r"""(?x)\[\s*(?P<first>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    (?:\s*,\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))*\s*,?\s*\]"""
_ITEM = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""


class Reader:
    """Reads a command line word by word, and knows where a program's password stands in it."""

    def __init__(self) -> None:
        self._program = ""
        self._options: tuple[str, ...] = ()
        self._is_login = False

    def read(self, word: str) -> None:
        """Take note of `word`, which is no password and no option."""
        name = word.rpartition("/")[2]
        if name in _OPTIONS:
            self._program, self._is_login = name, False
            self._options = () if name in _AFTER_LOGIN else _OPTIONS[name]
        elif word == "login":
            self._is_login = True
            if self._program in _AFTER_LOGIN:
                self._options = _OPTIONS[self._program]

    def announces(self, word: str, following: str) -> bool:
        """Return whether `word` is an option after which a password stands as the word `following`."""
        if word not in self._options or self._program in _ONLY_ATTACHED:
            return False
        if (self._program, word) == _COOKIES and "=" not in following:
            return False
        if self._program == "sshpass":
            self._options = ()  # another program follows
        return True

    def attached(self, word: str) -> str | None:
        """Return the option that `word` holds together with its password, if it is one."""
        for option in self._options:
            if is_attached(option, word):
                is_file = (self._program, option) == _COOKIES and "=" not in word
                return None if is_file else option
        return None

    def logs_in(self) -> bool:
        """Return whether words that are no options are secrets now, as after ``wandb login``."""
        return self._is_login and self._program in _LOGIN_WITH


def is_attached(option: str, word: str) -> bool:
    """Return whether `word` is `option` with its value: ``-pVALUE`` or ``--user=VALUE``."""
    if len(option) > 2:
        return word.startswith(option + "=")
    return word.startswith(option) and len(word) > 2


@functools.lru_cache(maxsize=1)
def _programs() -> re.Pattern[str]:
    names = "|".join(map(re.escape, _OPTIONS))
    return re.compile(rf"(?<![\w.-])(?:{names})(?:\s|\\\n)|{_SEVERAL}")


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    # Not at import: few command lines have a text in which commands could stand.
    return re.compile(_WORDS, re.DOTALL), re.compile(_LIST), re.compile(_ITEM)


def may_name_program(text: str) -> bool:
    """Tell at little cost that `text` holds no command line that could have a password in it."""
    if "['" in text or '["' in text:
        return True
    return (" -" in text or "login" in text) and _programs().search(text) is not None


def mentions_program(text: str) -> bool:
    """Return whether a word of `text` is a program that may be given a password."""
    names = "|".join(map(re.escape, _OPTIONS))
    return re.search(rf"(?<![\w.-])(?:{names})(?![\w:-])", text) is not None


def commands_in(text: str) -> Iterator[list[tuple[int, int, str]]]:
    """Yield the command lines that may stand in `text`, as (start, end, word) of their words.

    A list of quoted words (``['mysql', '-p…']``, as in tracebacks and JSON) is one, and so are the
    commands of a shell script. Those come first that begin first; none is within another.
    """
    words, lists, items = _patterns()
    at = 0
    for match in lists.finditer(text):
        yield from _of_shell(text, at, match.start(), words)
        found = items.finditer(text, match.start(), match.end())
        yield [(one.start() + 1, one.end() - 1, one[0][1:-1]) for one in found]
        at = match.end()
    yield from _of_shell(text, at, len(text), words)


def _of_shell(
    text: str, start: int, end: int, words: re.Pattern[str]
) -> Iterator[list[tuple[int, int, str]]]:
    if not _programs().search(text, start, end):
        return
    line: list[tuple[int, int, str]] = []
    for match in words.finditer(text, start, end):
        if match["end"]:
            yield line
            line = []
        elif match["word"]:
            line.append((match.start(), match.end(), _unquoted(match["word"])))
    yield line


def _unquoted(word: str) -> str:
    """Return a word of a shell script as the program sees it, as far as masking has to know."""
    return re.sub(r"""["']""", "", word) if not re.search(r"\s", word) else word.strip("\"'")
