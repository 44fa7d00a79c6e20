"""Links between pages lead somewhere, and every page can be found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tree import ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(files(".md"))


def links(page: Path) -> list[str]:
    """Return the relative links of a page, without their anchors."""
    text = re.sub(
        r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    targets = [link.split("#")[0] for link in found if "://" not in link]
    return [target for target in targets if target and not target.startswith("mailto:")]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file or folder that exists."""
    folder = (ROOT / page).parent
    assert [link for link in links(page) if not (folder / link).exists()] == []


def test_the_index_of_docs_names_every_page() -> None:
    """A page that docs/README.md doesn't link is a page that nobody finds."""
    docs = ROOT / "docs"
    index = docs / "README.md"
    linked = {(docs / link).resolve() for link in links(index.relative_to(ROOT))}
    pages = {(ROOT / page).resolve() for page in PAGES if page.parts[0] == "docs"} - {index}
    assert sorted(str(page.relative_to(docs)) for page in pages - linked) == []
