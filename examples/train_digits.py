"""Train a small network on scikit-learn's handwritten digits.

    meticulous run -- python examples/train_digits.py --lr 0.1

Knows nothing of meticulous but the one line at the end, which saves the final values with the run
(and does nothing outside a run). Needs scikit-learn; nothing is downloaded.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import meticulous


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--hidden", type=int, default=64, help="units of the hidden layer")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, random_state=args.seed
    )
    model = MLPClassifier(
        (args.hidden,), solver="sgd", learning_rate_init=args.lr, random_state=args.seed
    )
    for epoch in range(1, args.epochs + 1):
        model.partial_fit(train_x, train_y, classes=range(10))
        loss = log_loss(test_y, model.predict_proba(test_x), labels=range(10))
        accuracy = model.score(test_x, test_y)
        print(f"epoch {epoch:3}  loss {loss:.4f}  accuracy {accuracy:.4f}")

    meticulous.summary({"loss": loss, "accuracy": accuracy})


if __name__ == "__main__":
    main()
