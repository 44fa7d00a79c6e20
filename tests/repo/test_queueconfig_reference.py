"""The reference page of the QueueConfig and the schema are one."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from headpond.config import parse_documents
from headpond.config import reference as reference_module
from headpond.config.reference import reference

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "queueconfig.md"


def test_the_page_is_up_to_date() -> None:
    """Mend it by: python -m headpond.config.reference > docs/reference/queueconfig.md."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_the_module_writes_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The command in its docstring is the one that mends the page."""
    runpy.run_path(reference_module.__file__, run_name="__main__")
    assert capsys.readouterr().out == reference()


def test_every_field_has_a_description() -> None:
    """Whoever reads the page, or `kubectl explain`, learns what each field does."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", reference(), flags=re.MULTILINE)
    assert len(rows) > 60
    assert [name for name, words in rows if len(words) < 4] == []


def test_the_example_documents_are_valid() -> None:
    """What one copies must work."""
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [parse_documents(text)[0].queue for text in examples] == ["attendance"]
