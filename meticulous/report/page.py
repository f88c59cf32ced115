"""A report: one HTML file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from typing import Any

__all__ = ["MODULES", "bundle", "page"]

_STATIC = os.path.join(os.path.dirname(__file__), "static")
MODULES = (
    "text.js",
    "numbers.js",
    "selection.js",
    "table.js",
    "series.js",
    "chart.js",
    "picture.js",
    "scatter.js",
    "parallel.js",
    "details.js",
    "report.js",
)
"""The modules of the page, each before those that import it."""

_IMPORT = re.compile(r"^import \{([^}]*)\} from \"\./([\w]+)\.js\";$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="meticulous">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This report draws its tables and charts with JavaScript, which is switched off here.</noscript>
<main id="report"></main>
<script type="application/json" id="data">{data}</script>
<script>{charts}</script>
<script>{script}</script>
</body>
</html>
"""


def page(title: str, data: dict[str, Any]) -> str:
    """Return the report of `data`, whose text may be anything: none of it becomes markup.

    Its policy allows the scripts and the style that are in it, by their hashes, and no request.
    """
    charts = _read("vendored/uPlot.iife.min.js")
    script = bundle()
    style = _read("vendored/uPlot.min.css") + _read("report.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(charts)} {_hash(script)}",
            f"style-src {_hash(style)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return _PAGE.format(
        policy=html.escape(policy),
        title=html.escape(title),
        style=style,
        data=_json(data),
        charts=charts,
        script=script,
    )


def bundle() -> str:
    """Return the modules as one script: each a function that returns what it exports."""
    parts = []
    for name in MODULES:
        text = _IMPORT.sub(r"const {\1} = of_\2;", _read(name))
        names = ", ".join(_EXPORT.findall(text))
        body = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        parts.append(f"const of_{name[:-3]} = (() => {{\n{body}return {{ {names} }};\n}})();\n")
    return '"use strict";\n{\n' + "".join(parts) + "}\n"


def _read(name: str) -> str:
    with open(os.path.join(_STATIC, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _json(data: dict[str, Any]) -> str:
    """Return `data` as JSON that cannot end the element it stands in, ASCII but for nothing."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
