"""Check the built site: no request to another host, and no link or anchor that leads nowhere.

``python tools/check_site.py site`` prints what is wrong, a line each, and ends with 1 if anything is.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

_FETCHED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("image", "href"),
    ("img", "src"),
    ("img", "srcset"),
    ("link", "href"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("use", "href"),
    ("video", "src"),
}
"""Where a browser fetches an address without being asked to; a link it only shows."""
_NOT_FETCHED = {"canonical", "next", "prev", "alternate"}  # of <link rel=…>
_IN_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """The addresses in a page, those that a browser fetches apart, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the anchor of a tag."""
        values = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.fetched += addresses_in_styles(values.get("style", ""))
        for name, value in values.items():
            if (tag, name) in _FETCHED and values.get("rel") not in _NOT_FETCHED:
                parts = value.split(",") if name == "srcset" else [value]
                self.fetched += [part.split()[0] for part in parts if part.split()]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])

    def handle_data(self, data: str) -> None:
        """Note the addresses in a style sheet inside the page."""
        if self._in_style:
            self.fetched += addresses_in_styles(data)


def addresses_in_styles(text: str) -> list[str]:
    """Return the addresses that a style sheet fetches."""
    return [found[1] or found[2] for found in _IN_STYLES.finditer(text)]


def is_external(address: str) -> bool:
    """Return whether `address` leads to another host."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def trouble(site: Path) -> list[str]:
    """Return what is wrong with the site, a line each."""
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    lines = [
        f"{path.relative_to(site)}: fetches {address}"
        for path, page in pages.items()
        for address in page.fetched
        if is_external(address)
    ]
    lines += [
        f"{path.relative_to(site)}: fetches {address}"
        for path in sorted(site.rglob("*.css"))
        for address in addresses_in_styles(path.read_text())
        if is_external(address)
    ]
    for path, page in pages.items():
        if path.name == "404.html":  # its links are relative to the top, wherever it is shown
            continue
        for address in dict.fromkeys(page.links + page.fetched):
            if not is_external(address) and not address.startswith("data:"):
                lines += _dead_link(site, path, address, pages)
    return lines


def _dead_link(site: Path, path: Path, address: str, pages: dict[Path, Page]) -> list[str]:
    where, anchor = urldefrag(address)
    target = (path.parent / unquote(where)).resolve() if where else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return [f"{path.relative_to(site)}: no file for the link {address}"]
    if anchor and target in pages and unquote(anchor) not in pages[target].anchors:
        return [f"{path.relative_to(site)}: no anchor for the link {address}"]
    return []


if __name__ == "__main__":
    found = trouble(Path(sys.argv[1]).resolve())
    print(
        "\n".join(found) or "the site fetches nothing from elsewhere, and its links lead somewhere"
    )
    sys.exit(bool(found))
