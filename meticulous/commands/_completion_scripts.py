"""The completion scripts of bash, zsh and fish.

The scripts hold the commands and options, so that only ids, tags and columns are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from meticulous.commands._table import COMMANDS

__all__ = ["script"]

_COLUMN_OPTIONS = ("--columns", "--groupby", "--sort", "--filter")
_TAG_OPTIONS = ("--tag",)
_FOLDER_OPTIONS = ("--experiments-directory", "--project-directory")
_WITHOUT_RUNS = ("run", "ls", "ps", "import", "du", "gc", "doctor", "summary", "help", "completion")
"""Commands whose words are not the names of runs."""

_BASH = """\
# Completion of meticulous for bash. Made by `meticulous completion bash`.
_meticulous() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} i
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "@COMMANDS@" -- "$cur") $(compgen -d -- "$cur"))
        return
    fi
    if [ "$command" = run ]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [ "${COMP_WORDS[i]}" = -- ]; then
                if declare -F _command_offset >/dev/null; then _command_offset $((i + 1)); fi
                return
            fi
        done
    fi
    case "$prev" in
        @COLUMN_OPTIONS@) _meticulous_words columns; return ;;
        @TAG_OPTIONS@) _meticulous_words tags; return ;;
        @FOLDER_OPTIONS@) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    esac
    if [[ $cur == -* ]]; then
        case "$command" in
@OPTIONS@
        esac
        return
    fi
    case "$command" in
        @WITHOUT_RUNS@) ;;
        *) _meticulous_words runs ;;
    esac
}
_meticulous_words() {
    # Not compgen -W, which would run what a tag has in $( ).
    local word head="" last=${cur##*,}
    case "$cur" in *,*) head=${cur%,*}, ;; esac
    while IFS= read -r word; do
        if [[ $word == "$last"* ]]; then COMPREPLY+=("$head$(printf %q "$word")"); fi
    done < <(command meticulous completion --words "$1" 2>/dev/null)
}
complete -o default -F _meticulous meticulous
"""

_ZSH = """\
# Completion of meticulous for zsh. Made by `meticulous completion zsh`.
autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
"""


def script(shell: str, options: Mapping[str, Mapping[str, str]]) -> str:
    """Return the script for `shell`; `options` are those of each command, with their help."""
    if shell == "fish":
        return _fish(options)
    return (_ZSH if shell == "zsh" else "") + _bash(options)


def _bash(options: Mapping[str, Mapping[str, str]]) -> str:
    cases = [
        f'            {name}) COMPREPLY=($(compgen -W "{" ".join(known)}" -- "$cur")) ;;'
        for name, known in options.items()
    ]
    parts = {
        "COMMANDS": " ".join(COMMANDS),
        "COLUMN_OPTIONS": "|".join(_COLUMN_OPTIONS),
        "TAG_OPTIONS": "|".join(_TAG_OPTIONS),
        "FOLDER_OPTIONS": "|".join(_FOLDER_OPTIONS),
        "OPTIONS": "\n".join(cases),
        "WITHOUT_RUNS": "|".join(_WITHOUT_RUNS),
    }
    text = _BASH
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _fish(options: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["# Completion of meticulous for fish. Made by `meticulous completion fish`."]
    lines += [
        f"complete -c meticulous -n __fish_use_subcommand -a {name} -d {_quoted(line)}"
        for name, line in COMMANDS.items()
    ]
    for name, known in options.items():
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [
            f"complete -c meticulous {seen} -l {option[2:]}{_words_of(option)} -d {_quoted(text)}"
            for option, text in known.items()
        ]
        if name not in _WITHOUT_RUNS:
            lines.append(f"complete -c meticulous {seen} -f -a '{_ask('runs')}'")
    return "\n".join(lines) + "\n"


def _words_of(option: str) -> str:
    if option in _COLUMN_OPTIONS:
        return f" -x -a '{_ask('columns')}'"
    if option in _TAG_OPTIONS:
        return f" -x -a '{_ask('tags')}'"
    return ""


def _ask(kind: str) -> str:
    return f"(command meticulous completion --words {kind} 2>/dev/null)"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
