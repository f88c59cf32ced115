"""Train a small network to tell two half-moons apart, in plain Python and under a second."""

import argparse
import math
import random


def half_moons(count, rng):
    """Return points (x, y, which moon)."""
    points = []
    for _ in range(count):
        moon, angle = rng.choice((0, 1)), rng.uniform(0, math.pi)
        x, y = math.cos(angle), math.sin(angle)
        if moon:
            x, y = 1 - x, 0.5 - y
        points.append((x + rng.gauss(0, 0.25), y + rng.gauss(0, 0.25), moon))
    return points


def forward(weights, x, y):
    """Return the activations of the hidden layer and the probability of the second moon."""
    hidden = [math.tanh(a * x + b * y + c) for a, b, c, _ in weights]
    score = sum(w[3] * h for w, h in zip(weights, hidden, strict=True))
    return hidden, 1 / (1 + math.exp(-score))


def train_step(weights, point, lr):
    """Move the weights down the gradient of the loss at one point."""
    x, y, moon = point
    hidden, probability = forward(weights, x, y)
    error = probability - moon
    for weight, h in zip(weights, hidden, strict=True):
        slope = error * weight[3] * (1 - h * h)
        weight[3] -= lr * error * h
        weight[0] -= lr * slope * x
        weight[1] -= lr * slope * y
        weight[2] -= lr * slope


def test(weights, points):
    """Return the mean loss and the accuracy."""
    probabilities = [(forward(weights, x, y)[1], moon) for x, y, moon in points]
    loss = -sum(math.log(p if moon else 1 - p) for p, moon in probabilities) / len(points)
    accuracy = sum((p > 0.5) == moon for p, moon in probabilities) / len(points)
    return loss, accuracy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--hidden", type=int, default=8, help="units of the hidden layer")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    data, rng = random.Random(0), random.Random(args.seed)
    points, unseen = half_moons(300, data), half_moons(300, data)
    weights = [[rng.gauss(0, 1) for _ in range(4)] for _ in range(args.hidden)]
    for epoch in range(1, args.epochs + 1):
        for point in rng.sample(points, len(points)):
            train_step(weights, point, args.lr)
        loss, accuracy = test(weights, unseen)
        print(f"epoch {epoch:2}  loss {loss:.4f}  accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
