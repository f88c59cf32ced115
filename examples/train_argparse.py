"""A training that records itself.

    python examples/train_argparse.py --lr 0.1
    python examples/train_argparse.py --help      # the options of the group "meticulous"

Needs nothing but meticulous; the model is a straight line.
"""

import argparse
import json
import random

from meticulous import Experiment


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    Experiment.add_argument_group(parser)
    experiment = Experiment.from_parser(parser)
    args = parser.parse_args()

    chance = random.Random(args.seed)
    points = [(x / 20, 3 * x / 20 + 1 + chance.gauss(0, 0.1)) for x in range(-20, 21)]
    slope = intercept = 0.0
    for epoch in range(1, args.epochs + 1):
        for x, y in points:
            error = slope * x + intercept - y
            slope -= args.lr * error * x
            intercept -= args.lr * error
        loss = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)
        print(f"epoch {epoch:3}  loss {loss:.4f}")

    experiment.summary({"loss": loss, "slope": slope, "intercept": intercept})
    with experiment.open("model.json", "w") as file:
        json.dump({"slope": slope, "intercept": intercept}, file)


if __name__ == "__main__":
    main()
