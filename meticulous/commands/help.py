"""Explain a topic (filters, columns, runs) or a command."""

from __future__ import annotations

import argparse
import difflib
import importlib

from meticulous.commands import _console
from meticulous.commands._parser import parser_of
from meticulous.commands._table import COMMANDS, module_of, overview
from meticulous.errors import UsageError

__all__ = ["add_arguments", "main"]

_TOPICS = {
    "filters": """\
FILTERS say which runs are meant: `meticulous ls --filter 'args_lr < 0.1'`.

They are pandas queries over the columns (see `meticulous help columns`):

  args_lr < 0.1                          compare: < <= == != >= >
  0.01 <= args_lr < 0.1                  a range
  args_model == 'vit'                    text stands in quotes
  args_k in [8, 16]                      one of several; also `not in`
  args_lr < 0.1 and not args_amp         join with and, or, not
  status == 'ERROR'                      RUNNING, SUCCESS, ERROR or LOST
  start_time >= '2026-11-20'             your clock, where no offset is given
  args_name.str.contains('resnet')       part of a text
  summary_loss.isnull()                  runs without the value
  `metadata_exit-code` == 3              other characters: in backticks

A run without the value fulfils only `!=` and `not in`.
Shorter: --status ERROR, --tag baseline, --since 2d.
""",
    "columns": """\
COLUMNS are what a table shows and what filters, groups and sorting name.

  expid, status, status_message          the id, how it ended, and why
  start_time, end_time, duration         UTC; seconds
  sha, curexpdir, description, tags      the commit, the folder, your words
  program                                the script, module or command
  args_NAME                              an argument, as the program parsed it
  default_args_NAME                      its default
  summary_NAME                           a result that the program saved
  metrics_NAME                           the last value that it logged; also
  metrics_NAME_min, …_max                the lowest and the highest, and
  metrics_NAME_step, …_min_step …        the step of each
  metadata_NAME                          any key of metadata.json

A table shows what was varied first, then the results, then times; what is the
same in all runs stands above it. --wide shows every column.
Nested values are opened: args_fit.lr is the lr of the subcommand fit.
`meticulous ls --list-columns` lists those of your runs, with what they hold.
`--columns expid,args_*,summary_loss` chooses; * matches many.
With --groupby, numbers become NAME_mean and NAME_std, anything else NAME_count;
`--columns summary_loss` means both.
""",
    "runs": """\
RUNS are named in these ways, wherever a command takes RUN or RUNS:

  12                      the run of this id; so is a name given with --experiment-id
  12-15   12,14           several
  last    last~1          the one that started last; the one before it
  @baseline               those with this tag
  best:summary_val_acc    the highest accuracy; `worst:` names the other end
  best:summary_loss       the lowest loss
  best:metrics_loss_min   the lowest loss at any step
  best:-summary_iou       the highest value of any column
  best:+summary_iou       the lowest

A column is known to be better high by words such as acc, f1, auc, reward, score,
bleu or r2, and better low by loss, error, perplexity or time. Others are told by
- and +, or in meticulous.yaml: `better: {summary_iou: higher}`.
""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the topic."""
    parser.add_argument(
        "topic", nargs="?", metavar="TOPIC", help=f"{', '.join(_TOPICS)}, or a command"
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the topic, or the help of a command, and return the exit code."""
    topic = arguments.topic
    if topic is None:
        text = overview() + f"\nTopics: `meticulous help {'`, `meticulous help '.join(_TOPICS)}`."
    elif topic in _TOPICS:
        text = _TOPICS[topic]
    elif topic in COMMANDS:
        module = importlib.import_module(f"meticulous.commands.{module_of(topic)}")
        text = parser_of(topic, module).format_help()
    else:
        near = difflib.get_close_matches(topic, [*_TOPICS, *COMMANDS], n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Topics: {', '.join(_TOPICS)}"
        raise UsageError(f"there is no topic and no command {topic!r}", hint)
    _console.print_lines(text.rstrip("\n").split("\n"))
    return 0
