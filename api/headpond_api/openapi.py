"""The OpenAPI document; `python -m headpond_api.openapi [FILE]` writes it, without any app."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from headpond_api.gateway import OPEN
from headpond_api.schemas import ProblemDocument

_ABOUT: Final = """\
Send jobs, see how they stand, and care for queues. Errors are RFC 9457 problem documents with a
stable `code`; `docs/reference/problems.md` explains each.
"""

_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=version("headpond"), description=_ABOUT, routes=app.routes
        )
        _describe_problems(made)
        _describe_credentials(made)
        app.openapi_schema = made
    return app.openapi_schema


def _describe_problems(made: dict[str, Any]) -> None:
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["ProblemDocument"] = problem
    made["components"]["schemas"] = dict(sorted(schemas.items()))


def _describe_credentials(made: dict[str, Any]) -> None:
    made["components"]["securitySchemes"] = _SCHEMES
    for path, operations in made["paths"].items():
        if path not in OPEN:
            for operation in operations.values():
                operation["security"] = [{"bearer": []}, {"key": []}]


def main(arguments: list[str]) -> None:
    """Write the document to the file named, or to standard output."""
    from headpond.app.catalog import Catalog  # noqa: PLC0415 (app.py imports this module)
    from headpond.clock import SystemClock  # noqa: PLC0415
    from headpond.memory import MemoryQueueStore  # noqa: PLC0415
    from headpond.settings import ApiSettings  # noqa: PLC0415
    from headpond_api.app import create_app  # noqa: PLC0415

    app = create_app(ApiSettings(), MemoryQueueStore(SystemClock()), Catalog([]))
    text = json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
