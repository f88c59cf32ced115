"""Pages of the site that are made of other sources: a hook of MkDocs, named in ``mkdocs.yml``.

The commands are described from their parsers, the settings from the table of options; README.md and its
neighbours at the top of the repository are pages too. Whoever adds a page to ``docs/`` and does not
name it in ``mkdocs.yml`` finds it under "More".
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

from meticulous.commands._examples import EXAMPLES
from meticulous.commands._parser import Parser, parser_of
from meticulous.commands._table import COMMANDS, GROUPS, module_of
from meticulous.settings.options import ASK_OPTIONS, COLLECT, RUN_OPTIONS, Option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).parents[1]
COMMAND_PAGES = "reference/commands/"
SOURCES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "benchmarks.md": "benchmarks/README.md",
}
"""Page of the site -> the file of the repository that it is."""

_LINK = re.compile(r"(\]\(|(?:src|href)=\")([^)\"#\s]*)([)\"#])")
_MARKUP = re.compile(r"([\\*_<>\[\]#|])")
_ROLE = re.compile(r":(?:attr|class|func|meth|mod):(<code>)~?")
_CODE = re.compile(r"(`[^`]*`)")


# --- what MkDocs calls -------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the commands, and the pages that nobody has named, into the navigation."""
    named = set(_pages_in(config.nav))
    docs = Path(config.docs_dir)
    present = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    left = [name for name in present if name not in named]
    nav = [_with_commands(entry) for entry in config.nav]
    config.nav = nav + ([{"More": left}] if left else [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    pages = {page: (ROOT / source).read_text() for page, source in SOURCES.items()}
    pages[f"{COMMAND_PAGES}index.md"] = _overview()
    pages |= {f"{COMMAND_PAGES}{name}.md": command_page(name) for name in COMMANDS}
    for path in sorted((ROOT / "examples").iterdir()):
        pages[f"examples/{path.name}"] = path.read_text()
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links that are right in the repository be right on the site; fill in the settings."""
    uri = page.file.src_uri
    markdown = _LINK.sub(lambda link: link[1] + _on_site(link[2], uri) + link[3], markdown)
    return markdown.replace("<!-- settings: from the table of options -->", settings_table())


def on_page_content(html: str, **_: Any) -> str:
    """Show ``:func:`open` `` of a docstring as code."""
    return _ROLE.sub(r"\1", html)


def _on_site(target: str, page: str) -> str:
    """Return the link `target`, found on `page`, as the site has it."""
    if not target or "://" in target or target.startswith("mailto:"):
        return target
    start = Path(SOURCES.get(page, f"docs/{page}")).parent
    parts: list[str] = []
    for part in (start / target).parts:
        parts = parts[:-1] if part == ".." and parts else [*parts, part]
    path = "/".join(parts)
    made = {source: name for name, source in SOURCES.items()} | {"benchmarks": "benchmarks.md"}
    if path in made:
        there = made[path]
    elif path.startswith("docs/") and page in SOURCES:
        there = path.removeprefix("docs/")
    elif path.startswith("examples/"):
        there = path
    else:
        return target
    return "../" * page.count("/") + there


def _pages_in(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        nav = list(nav.values())
    for entry in nav if isinstance(nav, list) else ():
        yield from _pages_in(entry)


def _with_commands(entry: Any) -> Any:
    """Replace the place of the commands in the navigation by one page each, in their groups."""
    if isinstance(entry, dict):
        return {title: _with_commands(under) for title, under in entry.items()}
    if isinstance(entry, list):
        return [_with_commands(one) for one in entry]
    if entry != COMMAND_PAGES:
        return entry
    groups = [
        {title.capitalize(): [{name: f"{COMMAND_PAGES}{name}.md"} for name in commands]}
        for title, commands in GROUPS.items()
    ]
    return [f"{COMMAND_PAGES}index.md", *groups]


# --- the commands ------------------------------------------------------------------------------


def _overview() -> str:
    lines = ["# Commands", "", "`meticulous COMMAND --help` prints what these pages say.", ""]
    for title, commands in GROUPS.items():
        lines += [f"## {title.capitalize()}", "", "| command | what it does |", "|---|---|"]
        lines += [f"| [`{name}`]({name}.md) | {_text(line)} |" for name, line in commands.items()]
        lines.append("")
    lines += [
        "`meticulous DIRECTORY …` is `meticulous ls DIRECTORY …`.",
        "How runs are named, what filters can say and which columns there are:",
        "[Asking](../../asking.md#naming-runs), or `meticulous help runs`, `help filters`,",
        "`help columns`. What each exit code means: [Exit codes](../exit-codes.md).",
    ]
    return "\n".join(lines)


def command_page(name: str) -> str:
    """Return the page of one command as Markdown, made of its parser."""
    module = importlib.import_module(f"meticulous.commands.{module_of(name)}")
    parser = parser_of(name, module)
    lines = [f"# meticulous {name}", "", *_described(parser), ""]
    lines += ["## Examples", "", "```sh", *EXAMPLES.get(name, ()), "```", ""]
    lines += list(_options(parser, "##"))
    for word, under in getattr(module, "action_parsers", dict)().items():
        lines += [f"## {under.prog}", "", *_described(under), "", *_options(under, "###", word)]
    return "\n".join(lines)


def _described(parser: Parser) -> list[str]:
    os.environ["COLUMNS"] = "90"  # of argparse
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    text = "\n\n".join(" ".join(part.split()) for part in (parser.description or "").split("\n\n"))
    return [_text(text), "", "```text", usage.replace("\n       ", "\n"), "```"]


def _options(parser: Parser, heading: str, prefix: str = "") -> Iterator[str]:
    """Describe the arguments of `parser`, group by group; `prefix` begins their anchors."""
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if one.help is not argparse.SUPPRESS]
        actions = [one for one in actions if one.dest != "help"]
        if actions:
            title = group.title or "options"
            yield from (f"{heading} {title[:1].upper()}{title[1:]}", "")
            for action in actions:
                yield from _option(parser, action, prefix)


def _option(parser: Parser, action: argparse.Action, prefix: str) -> Iterator[str]:
    formatter = parser._get_formatter()
    text = formatter._expand_help(action) if action.help else ""
    if action.option_strings:
        value = "" if action.nargs == 0 else formatter._format_args(action, _metavar(action))
        names = ", ".join(f"`{name} {value}`".replace(" `", "`") for name in action.option_strings)
        anchor = action.option_strings[-1].lstrip("-")
    else:
        names = f"`{formatter._format_args(action, _metavar(action))}`"
        anchor = action.dest
    yield from (
        f'<a id="{prefix and prefix + "-"}{anchor}"></a>{names}',
        f":   {_text(text) or '&nbsp;'}",
        "",
    )


def _metavar(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()


def _text(words: str) -> str:
    """Return help text as Markdown: what stands in backticks is code, the rest is plain."""
    return "".join(
        part if part.startswith("`") and part.endswith("`") else _MARKUP.sub(r"\\\1", part)
        for part in _CODE.split(words)
    )


# --- the settings ------------------------------------------------------------------------------


def settings_table() -> str:
    """Return the table of options, as they are written on the command line and in the file."""
    lines = ["| option | in `meticulous.yaml` | what it does |", "|---|---|---|"]
    lines += [_setting(option) for option in RUN_OPTIONS]
    lines += [_only_in_file(option) for option in (*ASK_OPTIONS, COLLECT)]
    return "\n".join(lines)


def _setting(option: Option) -> str:
    value = "" if option.kind == "flag" else f" {option.metavar or ','.join(option.choices)}"
    short = f", `-{option.short}`" if option.short else ""
    inside = f"`{option.name}:`" if option.in_file else "no"
    return f"| `--{option.name}{value}`{short} | {inside} | {_text(option.help)} |"


def _only_in_file(option: Option) -> str:
    return f"| | `{option.name}:` | {_text(option.help)} |"
