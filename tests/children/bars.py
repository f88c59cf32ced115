"""Draw progress bars with tqdm (on stderr) or rich (on stdout), without anything that depends on time."""

import sys

if sys.argv[1] == "tqdm":
    import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}"
    for _ in tqdm.tqdm(range(50), desc="epoch", bar_format=form, mininterval=0, dynamic_ncols=True):
        pass
    for outer in tqdm.trange(2, desc="outer", bar_format=form, mininterval=0):
        for _ in tqdm.trange(5, desc="inner", bar_format=form, mininterval=0, leave=False):
            pass
else:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn())
    with Progress(*columns, console=console, auto_refresh=False, expand=True) as progress:
        first, second = (
            progress.add_task("train", total=20),
            progress.add_task("[red]test", total=5),
        )
        for step in range(20):
            progress.advance(first)
            if step % 4 == 0:
                progress.advance(second)
                console.print("step [bold]%d[/bold]" % step)
            progress.refresh()
