# The project of the pages that show output: a program, a sweep over seeds, and runs of other kinds.
{
    sed -e 's/^import random/import random\n\nimport meticulous/' \
        -e '/^        print(f"epoch/a\        meticulous.log({"loss": loss}, step=epoch)' \
        "$(dirname "$0")/../examples/train_moons.py" |
        sed -e '/^        meticulous.log/a\    meticulous.summary({"loss": loss, "accuracy": accuracy})'
} > train.py
git init -q
git add train.py
git commit -q -m "A first network"
meticulous run -q -- python train.py --lr 0.1
meticulous run -q -m "does it diverge?" -- python train.py --lr 100 || true
meticulous run -q -t wide -- python train.py --lr 0.1 --hidden 32
meticulous sweep lr=0.01,0.1,0.5 seed=0..2 -- python train.py --hidden 16
