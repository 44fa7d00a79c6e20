"""What is written down of the API agrees with what it does."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import headpond.errors
import headpond_api.faults
from api_bench import api_bench
from headpond.errors import HeadpondError
from headpond_api import openapi, problems
from headpond_api.gateway import OPEN
from tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = ROOT / "docs" / "reference"
MODULES = {headpond.errors.__name__, headpond_api.faults.__name__}


def errors(root: type[HeadpondError] = HeadpondError) -> Iterator[type[HeadpondError]]:
    """Yield every error of the tree that the platform itself raises."""
    if root.__module__ in MODULES:
        yield root
    for child in root.__subclasses__():
        yield from errors(child)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_code_is_documented_and_titled() -> None:
    """docs/reference/problems.md has a row for each code."""
    page = (REFERENCE / "problems.md").read_text(encoding="utf-8")
    codes = {error.code for error in errors()} | {"route-unknown", "method-not-allowed"}
    abstract = {"invalid", "not-found", "conflict", "unavailable"}
    assert [code for code in sorted(codes - abstract) if f"| `{code}` |" not in page] == []
    untitled = [
        code
        for code in sorted(codes - abstract - {"config-invalid"})
        if code not in problems.TITLES
    ]
    assert untitled == []


def test_every_error_draws_its_place_in_the_tree() -> None:
    """The picture at the top of faults.py is complete."""
    drawn = headpond_api.faults.__doc__ or ""
    ours = {error.__name__ for error in errors() if error.__module__ == "headpond_api.faults"}
    assert {name for name in ours if name not in drawn} == set()


def test_the_openapi_document_is_the_committed_one() -> None:
    """`python -m headpond_api.openapi docs/reference/openapi.json` writes it anew."""
    written = io.StringIO()
    with redirect_stdout(written):
        openapi.main([])
    committed = (REFERENCE / "openapi.json").read_text(encoding="utf-8")
    assert json.loads(written.getvalue()) == json.loads(committed)


async def test_every_operation_is_fully_described() -> None:
    """Fixed unique ids, a summary, and the problems that every closed route may answer with."""
    async with api_bench() as bench:
        document = openapi.document(bench.app)
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for path, _, operation in operations(document):
        assert operation["summary"], path
        assert "HTTPValidationError" not in json.dumps(operation), path
        if path not in OPEN:
            assert {"401", "403", "500", "503"} <= set(operation["responses"]), path
            assert operation["security"], path


def test_the_page_on_http_names_every_operation() -> None:
    """docs/reference/http-api.md shows each method and path."""
    page = (REFERENCE / "http-api.md").read_text(encoding="utf-8")
    document = json.loads((REFERENCE / "openapi.json").read_text(encoding="utf-8"))
    named = [f"{method.upper()} {path}" for path, method, _ in operations(document)]
    assert [each for each in named if f"`{each}`" not in page] == []
