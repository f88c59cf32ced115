#!/bin/sh
# Build the wheel, install it and nothing of the checkout into a new environment, and let it record
# the examples. Called by `make wheel` with the Python to use.
set -eu
python=$1
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --upgrade pip
"$work/venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work" "$root"
"$work/venv/bin/python" -m pip install --quiet "$work"/meticulous-*.whl --group "$root/pyproject.toml:demo"

# A clone, because a run wants committed code and must leave the checkout alone.
cp -R "$root/examples" "$work/project"
cd "$work/project"
git init --quiet
git add --all
git -c user.name=wheel -c user.email=wheel@example.org commit --quiet --message examples

PATH="$work/venv/bin:$PATH"
unset PYTHONPATH PYTHONDONTWRITEBYTECODE
meticulous run -- python train_digits.py --lr 0.1 --epochs 3
meticulous ls
test "$(head -n 1 experiments/1/STATUS)" = SUCCESS
test "$(wc -l < experiments/1/stdout)" -eq 3
# The page brings along what it draws with.
meticulous report -o "$work/report.html"
grep -q uPlot "$work/report.html"
# What is exported is unpacked and repeated by plain tools.
meticulous export 1 "$work/digits.tar.gz"
mkdir "$work/elsewhere"
cd "$work/elsewhere"
tar -xzf ../digits.tar.gz
PYTHON="$work/venv/bin/python" KEEP=0 sh digits/again.sh > again
cmp again digits/runs/1/stdout
meticulous import ../digits.tar.gz
echo "the wheel records the examples"
