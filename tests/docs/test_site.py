"""The documentation as a site: it builds without a word of warning, its links lead somewhere, it needs no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from .documents import DOCS, ROOT

pytestmark = pytest.mark.slow
TIMEOUT_SECONDS = 120


class Site(NamedTuple):
    """What a build gave."""

    directory: Path
    printed: str
    status: int

    def pages(self) -> list[Path]:
        """Its pages."""
        return sorted(self.directory.rglob("*.html"))


class Page(HTMLParser):
    """What a page links to, fetches, and can be linked to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") not in ("next", "prev", "canonical"):
            self.fetched.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in found:
            self.fetched.append(found["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, built for these tests."""
    pytest.importorskip("material", reason="the theme is among the tools of development (`.[docs]`)")
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Site(directory, done.stdout + done.stderr, done.returncode)


def test_the_site_builds_without_a_warning(site: Site) -> None:
    assert site.status == 0, site.printed
    said = [line for line in site.printed.splitlines() if line.strip()]
    usual = (
        "INFO    -  Cleaning site directory",
        "INFO    -  Building documentation",
        "INFO    -  Documentation built",
    )
    assert [line for line in said if not line.startswith(usual)] == []


def test_every_document_is_a_page(site: Site) -> None:
    assert {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")} | {Path("404.html")} == {
        page.relative_to(site.directory) for page in site.pages()
    }


def test_every_link_leads_to_a_page_and_to_a_place_in_it(site: Site) -> None:
    pages = {file: Page(file) for file in site.pages()}
    followed, broken = 0, []
    for file, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            base = site.directory if parts.path.startswith("/") else file.parent  # of the page for what is missing
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            anchored = not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            if not target.is_file() or not anchored:
                broken.append(f"{file.relative_to(site.directory)}: {link}")
            followed += 1
    assert followed > 100
    assert broken == []


def test_nothing_is_fetched_from_anywhere_else(site: Site) -> None:
    fetched = [link for file in site.pages() for link in Page(file).fetched]
    styles = [
        url
        for file in site.directory.rglob("*.css")
        for url in re.findall(r"url\(\s*[\"']?(\w+:)?//", file.read_text())
    ]
    assert fetched
    assert [link for link in fetched if urlsplit(link).netloc] == []
    assert styles == []


def test_every_included_program_is_on_its_page(site: Site) -> None:
    for program in (ROOT / "examples" / "by_example").glob("*.py"):
        page = (site.directory / "by_example" / program.name).with_suffix(".html").read_text()
        text = re.sub(r"<[^>]+>", "", page)
        assert program.read_text().splitlines()[0].strip('"').replace("`", "") in text.replace("&#39;", "'"), program
        assert "--8&lt;--" not in page
        assert "--8<--" not in page
