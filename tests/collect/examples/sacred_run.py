from sacred import Experiment
from sacred.observers import FileStorageObserver

experiment = Experiment("example", save_git_info=False)
experiment.observers.append(FileStorageObserver("sacred"))


@experiment.config
def config():
    lr = 0.1


@experiment.automain
def main(_run, lr):
    for step in range(10):
        _run.log_scalar("loss", 1 / (step + 1), step * 2)
        _run.log_scalar("counted", step)
