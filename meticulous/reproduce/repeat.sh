#!/bin/sh
# Repeats @IDS@ with git and a shell alone. Written by meticulous @VERSION@.
#
#   sh again.sh [REPOSITORY]
#
# REPOSITORY is a clone that has the commits, or a bundle. Without it, a code.bundle beside this
# script is taken, else the repository of the current directory. Its work tree is not touched:
# each run gets a new one.
#
#   PYTHON=python3.11   the Python to use, instead of the one that was recorded
#   AGAIN=DIRECTORY     where the code goes and the runs write (default: a new one in TMPDIR)
#   KEEP=1 or KEEP=0    keep the work trees, or not (default: those in which a run left files)
set -u
id= plain=  # options of git, where files in LFS are out of reach
unset CDPATH GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_NAMESPACE
unset GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
say() { printf 'again: %s\n' "$*" >&2; }
fail() {
    say "$@"
    [ -n "${id:-}" ] || rmdir "${AGAIN:-/}" 2>/dev/null  # nothing is begun, and nothing left
    exit 125
}
@SECRETS@

start=$(pwd)
beside=$(cd "$(dirname -- "$0")" && pwd)
if [ -n "${AGAIN:-}" ]; then
    mkdir -p "$AGAIN"
else
    AGAIN=${TMPDIR:-/tmp}/again-$$
    mkdir -m 700 "$AGAIN"  # which nobody else has made
fi && AGAIN=$(cd "$AGAIN" && pwd) || { AGAIN=; fail 'there is no directory to work in'; }

# What the runs below are made of.

find_repository() {  # where the commits are, and in $origin its work tree, if it has one
    where=${1:-}
    [ -n "$where" ] || for where in "$beside/code.bundle" "$beside"/runs/*/code.bundle ''; do
        [ ! -f "$where" ] || break
    done
    origin=
    if [ -f "$where" ]; then
        repository=$AGAIN/repository
        [ -d "$repository" ] || git clone --quiet --no-checkout "$where" "$repository" ||
            fail "cannot take the code out of $where"
    else
        repository=$(cd "${where:-.}" && git rev-parse --absolute-git-dir) ||
            fail "give the repository: sh $0 REPOSITORY"
        origin=$(cd "${where:-.}" && git rev-parse --show-toplevel 2>/dev/null) || origin=
    fi
}
take_code() {  # SHA
    git -C "$repository" cat-file -e "$1^{commit}" 2>/dev/null ||
        fail "$repository has no commit $1: fetch it, or give a repository that has it"
    if [ -f "$where" ] || ! add_tree "$1"; then  # a bundle never has what is in LFS
        plain='-c filter.lfs.process= -c filter.lfs.smudge= -c filter.lfs.required=false'
        add_tree "$1" || exit 125
        git -C "$repository" grep --quiet filter=lfs "$1" -- '*.gitattributes' || return 0
        say 'files in LFS could not be had: only their pointers are there'
    fi
}
add_tree() {  # SHA
    git -C "$repository" -c core.hooksPath=/dev/null $plain \
        worktree add --quiet --detach "$tree" "$1"
}
apply_changes() {  # [SUBMODULE] < PATCH
    git -C "$tree/${1:-.}" $plain apply --index --whitespace=nowarn - ||
        fail 'the uncommitted changes cannot be applied'
}
take_modules() {
    [ ! -f "$tree/.gitmodules" ] ||
        git -C "$tree" submodule --quiet update --init --recursive ||
        say 'not all submodules could be had'
}
expect_module() {  # PATH SHA: a submodule that had uncommitted changes, at the commit it was at
    git -C "$tree" update-index --cacheinfo "160000,$2,$1"
}
take_module() {  # PATH SHA
    [ -e "$tree/$1/.git" ] || fail "there is no submodule $1"
    git -C "$tree/$1" cat-file -e "$2^{commit}" 2>/dev/null || [ -z "$origin" ] ||
        git -C "$tree/$1" fetch --quiet "$origin/$1" '+refs/*:refs/origin/*' HEAD
    git -C "$tree/$1" checkout --quiet --detach "$2" ||
        fail "the submodule $1 has no commit $2"
}
no_code() {
    tree=$start
    say 'this run was recorded outside git: it uses the code that is here now'
}
take_data() {  # PATH: what git does not know is read where the repository has it
    if [ ! -e "$origin/$1" ] || [ -z "$origin" ]; then
        [ -e "$tree/$1" ] || say "run $id reads $1, which is not here"
    elif [ ! -e "$tree/$1" ]; then
        mkdir -p "$(dirname -- "$tree/$1")" && ln -s "$origin/$1" "$tree/$1"
    elif [ -d "$tree/$1" ]; then
        for entry in "$origin/$1"/*; do
            [ "${entry##*/}" = __pycache__ ] || [ ! -e "$entry" ] ||
                take_data "$1/${entry##*/}"
        done
    fi
}
go_to() {  # DIRECTORY
    cwd=$1
    state > "$AGAIN/$id/before"
    case $cwd in
        /*) cd "$cwd" || exit 125 ;;
        *) mkdir -p "$tree/$cwd" && cd "$tree/$cwd" || exit 125 ;;
    esac
}
make_environment() {  # PYTHON < REQUIREMENTS
    python=$(command -v "${PYTHON:-$1}" || command -v python3) || fail "there is no ${PYTHON:-$1}"
    packages=$AGAIN/$id/environment
    cat > "$AGAIN/$id/requirements.txt"
    say "installing the packages of run $id"
    "$python" -m venv "$packages" &&
        "$packages/bin/python" -m pip install --quiet --requirement "$AGAIN/$id/requirements.txt" ||
        exit 125
    PATH=$packages/bin:$PATH
    PYTHON=$packages/bin/python
}
placed() {  # PATH WHOLE: the work tree has its own of what was named by its whole path
    placed=$2
    [ ! -e "$tree/$1" ] || placed=$tree/$1
}
find_program() {  # WORD: a path that git does not know, .venv/bin/python, is the repository's
    program=$1
    case $program in
        /*) ;;
        */*) [ -x "$program" ] || [ -z "${origin:-}" ] || program=$origin/$cwd/$program ;;
    esac
    command -v "$program" > /dev/null ||
        fail "there is no $program here. A Python is chosen with PYTHON=python3"
}
state() {
    [ "$tree" = "$start" ] || git -C "$tree" status --porcelain --untracked-files=all \
        --ignored=matching -- . ':(exclude)*__pycache__*'
}
tidy() {  # remove the work tree in which the run has left nothing
    [ "$tree" != "$start" ] || return 0
    keep=${KEEP:-}
    [ -n "$keep" ] || [ ! -d "$tree" ] || [ ! -f "$AGAIN/$id/before" ] ||
        [ "$(state)" = "$(cat "$AGAIN/$id/before")" ] || keep=1
    [ "$keep" = 0 ] || rmdir "$METICULOUS_RUN_DIR" 2>/dev/null || keep=1
    if [ "${keep:-0}" = 1 ]; then
        say "what run $id has made is in $AGAIN/$id"
        kept=1
    else
        [ ! -d "$tree" ] || git -C "$repository" worktree remove --force "$tree" || return 0
        rm -rf "${AGAIN:?}/$id"
    fi
}
again() {  # FUNCTION ID
    id=$2
    tree=$AGAIN/$id/code
    METICULOUS_RUN_DIR=$AGAIN/$id/files
    mkdir -p "$METICULOUS_RUN_DIR"
    export METICULOUS_RUN_DIR
    say "run $id"
    ("$1")
    code=$?
    say "run $id ended with $code"
    tidy
    [ "$code" = 0 ] || result=$code
}
leave() {  # CODE: with nothing kept, nothing is left
    if [ -z "$kept" ]; then
        rm -rf "${AGAIN:?}/repository"
        rmdir "$AGAIN" 2>/dev/null
    fi
    exit "$1"
}

# The runs.

@RUNS@

main() {  # read as a whole before it begins, so that a run has its own standard input
    result=0
    kept=
    tree=$start
    trap 'tidy; leave 130' HUP INT TERM
@FIND@
@CALLS@
    leave "$result"
}
main "$@"
