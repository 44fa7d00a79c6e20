"""Which queues there are, and how each is configured: the apps' code, and over it the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headpond.config import default_config, over, parse_documents, with_ceiling
from headpond.errors import ConfigInvalid, FieldError, HeadpondError, QueueUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from headpond.app.catalog import Catalog
    from headpond.config import QueueConfig


def read_file(path: Path) -> list[QueueConfig]:
    """Return the documents of a file; raise `ConfigInvalid` for one that can't be read either."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        fault = FieldError("", f"The file can't be read: {error.strerror}.")
        raise ConfigInvalid([fault], str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid([FieldError("", f"Not UTF-8: {error}.")], str(path)) from error
    found = parse_documents(text, str(path))
    if not found:  # emptied by a slip, or not written yet: never a wish for defaults everywhere
        fault = FieldError("", "The file holds no QueueConfig; leave -f out to run on defaults.")
        raise ConfigInvalid([fault], str(path))
    return found


def declare(
    catalog: Catalog, documents: Sequence[QueueConfig], ceiling: int
) -> dict[str, QueueConfig]:
    """Return the effective configuration of every queue that the apps define.

    `ceiling` is the most workers of a queue that has no document and whose code gives no bound. A
    document that gives none means the schema's default, here as in Kubernetes.
    Raises `ConfigInvalid` for a document of a queue that no app defines, and for contradictions.
    """
    wrong: list[FieldError] = []
    given = {document.queue: document for document in documents}
    known = catalog.queue_names()
    for queue, document in given.items():
        if queue not in known:
            at = "/metadata/name" if document.spec.queue is None else "/spec/queue"
            sentence = f"{QueueUnknown(queue, known)} ({document.source})"
            wrong.append(FieldError(at, sentence))
    effective: dict[str, QueueConfig] = {}
    for queue in known:
        try:
            code = default_config(queue, catalog.queue(queue).defaults)
            said = given.get(queue)
            effective[queue] = with_ceiling(code, ceiling) if said is None else over(code, said)
        except ConfigInvalid as error:
            wrong += [FieldError(e.pointer, f"{e.detail} ({error.source})") for e in error.errors]
        except HeadpondError as error:
            wrong.append(FieldError("", f"{error} (the code of queue {queue!r})"))
    if wrong:
        raise ConfigInvalid(wrong)
    return effective


def differences(before: Mapping[str, QueueConfig], after: Mapping[str, QueueConfig]) -> list[str]:
    """Return one sentence for each queue whose configuration changed."""
    sentences = []
    for queue, config in after.items():
        old = before.get(queue)
        if old is not None and old.spec != config.spec:
            changed = ", ".join(_changes("", _plain(old), _plain(config)))
            sentences.append(f"{queue}: {changed or 'nothing that matters'}.")
    return sentences


def _plain(config: QueueConfig) -> Any:  # noqa: ANN401 (JSON)
    return config.spec.model_dump(mode="json", exclude={"paused"})


def _changes(at: str, before: Any, after: Any) -> list[str]:  # noqa: ANN401 (JSON)
    """Return `jobs.concurrency 10→20` for each leaf that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = list(dict.fromkeys([*before, *after]))
        return [
            line
            for name in names
            for line in _changes(f"{at}.{name}" if at else name, before.get(name), after.get(name))
        ]
    if before == after:
        return []
    if at.startswith("worker."):
        return [f"{at} changed"]  # an environment may hold secrets
    return [f"{at} {_word(before)}→{_word(after)}"]


def _word(value: object) -> str:
    return "none" if value is None else str(value)
