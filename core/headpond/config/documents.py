"""A file of QueueConfig documents, read and checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from headpond.config.faults import faults
from headpond.config.idle import idle_fields
from headpond.config.spec import QueueConfigDocument, QueueConfigSpec
from headpond.config.yaml_text import YamlDocument, read_documents
from headpond.errors import ConfigInvalid, FieldError
from headpond.queues import check_queue_name

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """One declared queue."""

    name: str
    """metadata.name."""
    queue: str
    """spec.queue, or the name."""
    spec: QueueConfigSpec
    source: str = ""
    """Where it was read: a file and line, or who declared it."""

    def idle_fields(self) -> list[str]:
        """Return a pointer and a sentence for each field that was given and has no effect here."""
        return idle_fields(self.spec)


def parse_documents(text: str, source: str = "") -> list[QueueConfig]:
    """Return the queues that the YAML text declares, in its order.

    Raises `ConfigInvalid` with every fault of every document: pointer, value, reason, line.
    """
    found: list[QueueConfig] = []
    wrong: list[FieldError] = []
    for document in read_documents(text, source):
        try:
            found.append(_config(document, source))
        except ConfigInvalid as error:
            wrong += _placed(error.errors, document)
    wrong += _repeated(found)
    if wrong:
        raise ConfigInvalid(wrong, source)
    return found


def parse_spec(data: object, source: str = "") -> QueueConfigSpec:
    """Return the spec in JSON-like data; raise `ConfigInvalid` with pointers below `/spec`."""
    try:
        return QueueConfigSpec.model_validate(data)
    except ValidationError as error:
        below = faults(error, QueueConfigSpec)
        raise ConfigInvalid(
            [FieldError("/spec" + e.pointer, e.detail) for e in below], source
        ) from error


def _config(document: YamlDocument, source: str) -> QueueConfig:
    if document.faults:
        raise ConfigInvalid(document.faults)
    try:
        parsed = QueueConfigDocument.model_validate(document.data)
    except ValidationError as error:
        raise ConfigInvalid(faults(error, QueueConfigDocument)) from error
    name = parsed.metadata.name
    queue = parsed.spec.queue if parsed.spec.queue is not None else name
    try:
        check_queue_name(queue)
    except ConfigInvalid as error:
        at = "/metadata/name" if parsed.spec.queue is None else "/spec/queue"
        raise ConfigInvalid([FieldError(at, error.errors[0].detail)]) from error
    return QueueConfig(name, queue, parsed.spec, f"{source}:{document.line('')}")


def _placed(errors: Sequence[FieldError], document: YamlDocument) -> list[FieldError]:
    """Add to each fault whose document it is in, and at which line."""
    data: Any = document.data
    name = data.get("metadata", {}) if isinstance(data, dict) else {}
    name = name.get("name") if isinstance(name, dict) else None
    whose = f"QueueConfig {name!r}, " if isinstance(name, str) else ""
    return [
        FieldError(e.pointer, f"{e.detail} ({whose}line {document.line(e.pointer)})")
        for e in errors
    ]


def _repeated(configs: Sequence[QueueConfig]) -> list[FieldError]:
    wrong = []
    first: dict[str, QueueConfig] = {}
    for config in configs:
        other = first.setdefault(config.queue, config)
        if other is not config:
            at = "/metadata/name" if config.spec.queue is None else "/spec/queue"
            detail = (
                f"Queue {config.queue!r} is declared twice: {other.source} and {config.source}."
            )
            wrong.append(FieldError(at, detail))
    return wrong
