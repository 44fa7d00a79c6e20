"""The CRD of the chart, its page, and the models are one."""

from __future__ import annotations

import runpy

import pytest

from headpond_operator import crd, crd_reference
from tree import ROOT

MADE = [
    ("charts/headpond/crds/queueconfigs.yaml", crd, crd.to_yaml()),
    ("docs/reference/custom-resource.md", crd_reference, crd_reference.reference()),
]


@pytest.mark.parametrize(("path", "module", "text"), MADE, ids=[path for path, _, _ in MADE])
def test_the_file_is_up_to_date(path: str, module: object, text: str) -> None:
    """Mend it by the command that its head names, or by `make verify`."""
    assert (ROOT / path).read_text("utf-8") == text


@pytest.mark.parametrize(("path", "module", "text"), MADE, ids=[path for path, _, _ in MADE])
def test_the_module_writes_the_file(
    path: str, module: object, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that the head names is the one that mends it."""
    where = getattr(module, "__file__", "")
    runpy.run_path(where, run_name="__main__")
    assert capsys.readouterr().out == text
    assert f"python -m {getattr(module, '__name__', '')} > {path}" in text
