"""Many experiments in one script: k-means with one to nine clusters.

    python examples/kmeans_loop.py
    meticulous ls --sort summary_loss --columns args_k,summary_loss

Needs scikit-learn; nothing is downloaded.
"""

from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from meticulous import Experiment

X = load_iris().data

for k in range(1, 10):
    with Experiment({"k": k}) as exp:
        print(f"running kmeans with k={k}")
        kmeans = KMeans(n_clusters=k, n_init=3, random_state=0).fit(X)
        exp.summary({"loss": kmeans.inertia_})
        print(f"Loss was {kmeans.inertia_:.3f}")
