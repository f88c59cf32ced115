#!/bin/sh
# Record three trainings in this clone, then ask about them. Called by `make demo` with the
# directory of the demo's programs.
set -eu
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
PATH="$bin:$PATH"

dirty=""
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "This clone has uncommitted changes, which a run refuses by default, because the recorded"
    echo "commit would not be what ran. For the demo they are ignored: --dirty ignore."
    dirty="--dirty ignore"
fi

show() {
    echo
    echo "\$ $*"
    # shellcheck disable=SC2086  # words of a command line
    "$@"
}

# shellcheck disable=SC2086
show meticulous run $dirty -- python examples/train_digits.py --lr 0.1
# shellcheck disable=SC2086
show meticulous run $dirty --tag wide -- python examples/train_digits.py --lr 0.1 --hidden 128
# shellcheck disable=SC2086
show meticulous run $dirty -m "a smaller step" -- python examples/train_digits.py --lr 0.003
show meticulous ls
show meticulous show last
