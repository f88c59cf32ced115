"""Three examples for each command, which end its help."""

from __future__ import annotations

__all__ = ["EXAMPLES", "epilog"]

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": (
        "meticulous run -- python train.py --lr 0.1",
        "meticulous run --dirty snapshot -m 'wider network' -t wide -- python train.py --hidden 512",
        "meticulous run -d --timeout 12h --retries 2 -- bash pipeline.sh",
    ),
    "ls": (
        "meticulous ls --status ERROR --since 2d",
        "meticulous ls --filter 'args_lr < 0.1' --sort summary_acc",
        "meticulous ls --groupby args --sort summary_acc_mean --export table.tex",
    ),
    "show": (
        "meticulous show last",
        "meticulous show 12 --code",
        "meticulous show best:summary_loss --json",
    ),
    "metrics": (
        "meticulous metrics last",
        "meticulous metrics 12,14 loss 'val/*' --tail 50",
        "meticulous metrics @baseline --export curves.csv",
    ),
    "plot": (
        "meticulous plot last",
        "meticulous plot 12-15 loss --smooth 0.9 --log -o loss.pdf",
        "meticulous plot --scatter args_lr summary_loss",
    ),
    "sweep": (
        "meticulous sweep lr=0.1,0.01 seed=0..4 -j 2 -- python train.py",
        "meticulous sweep sweep.yaml --slurm -j 20 --time 4:00:00",
        "meticulous sweep resume last",
    ),
    "ps": ("meticulous ps", "meticulous ps --watch", "meticulous ps --json"),
    "logs": (
        "meticulous logs last -f",
        "meticulous logs 12 --stderr",
        "meticulous logs 12 | grep -i warning",
    ),
    "stop": (
        "meticulous stop last",
        "meticulous stop 12-15",
        "meticulous stop @sweep --kill",
    ),
    "wait": (
        "meticulous wait last && meticulous show last",
        "meticulous wait 12-15",
        "meticulous wait @sweep --timeout 2h",
    ),
    "diff": (
        "meticulous diff 12 15",
        "meticulous diff last~1 last --code",
        "meticulous diff best:summary_loss last",
    ),
    "verify": (
        "meticulous verify 12 15",
        "meticulous verify 12 15 --rtol 1e-6",
        "meticulous verify last~1 last --ignore '*.log'",
    ),
    "rerun": (
        "meticulous rerun 12",
        "meticulous rerun 12 --set lr=0.2",
        "meticulous rerun best:summary_loss -- --epochs 100",
    ),
    "compare": (
        "meticulous compare 12 13 14",
        "meticulous compare 12-15",
        "meticulous compare @baseline @wide",
    ),
    "path": (
        "meticulous path last",
        "cd $(meticulous path 12)",
        "ls -l $(meticulous path best:summary_loss)",
    ),
    "checkout": (
        "meticulous checkout 12",
        "meticulous checkout 12 ../code-of-12",
        "meticulous checkout 12 --remove",
    ),
    "environment": (
        "meticulous environment 12 > requirements.txt",
        "meticulous environment 12 --lock > pylock.toml",
        "meticulous environment last | grep torch",
    ),
    "script": (
        "meticulous script 12 > again.sh && sh again.sh",
        "meticulous script 12-15 > again.sh",
        "meticulous script 12 --with-environment > again.sh",
    ),
    "report": (
        "meticulous report",
        "meticulous report 12-15 loss 'val/*' -o report.html",
        "meticulous report --filter 'args_lr < 0.1' --title 'Learning rates'",
    ),
    "export": (
        "meticulous export 12-15 runs.zip",
        "meticulous export @paper paper.tar.zst --ro-crate",
        "meticulous export last last.zip",
    ),
    "import": (
        "meticulous import runs.zip",
        "meticulous import paper.tar.zst --experiments-directory theirs",
        "meticulous import ../colleague/runs.zip && meticulous ls",
    ),
    "tag": (
        "meticulous tag 12 +best",
        "meticulous tag 12-15 +paper -draft",
        "meticulous tag last +baseline",
    ),
    "note": (
        "meticulous note 12 'diverged after epoch 3'",
        "meticulous note last 'the one in the paper'",
        "meticulous show 12",
    ),
    "rm": ("meticulous rm 12", "meticulous rm 12-15", "meticulous rm @failed"),
    "restore": ("meticulous restore last", "meticulous restore 12", "meticulous restore 12-15"),
    "purge": ("meticulous purge", "meticulous purge 12", "meticulous du"),
    "du": ("meticulous du", "meticulous du --json", "meticulous du && meticulous gc"),
    "gc": ("meticulous gc --dry-run", "meticulous gc", "meticulous restore last"),
    "doctor": (
        "meticulous doctor",
        "meticulous doctor --fix",
        "meticulous doctor ~/project/experiments",
    ),
    "log": (
        "meticulous log loss=0.12 acc=0.9",
        "meticulous log val/loss=0.2 --step 300",
        "meticulous log --json metrics.json",
    ),
    "summary": (
        "meticulous summary loss=0.12 accuracy=0.97",
        "meticulous summary model=resnet50",
        'meticulous summary "files=$(ls out | wc -l)"',
    ),
}


def epilog(command: str) -> str | None:
    """Return the end of the help of `command`, or None where it has no examples."""
    if command not in EXAMPLES:
        return None
    return "examples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command])
