"""The keys that payloads are encrypted with, held against what wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from headpond.errors import ConfigInvalid, Unavailable
from headpond.findings import Finding, fine, refusal
from headpond.settings import KeySettings
from headpond.terms import read_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headpond.app.catalog import Catalog
    from headpond.config import QueueConfig
    from headpond.ports import QueueStore


def needs_of_apps(catalog: Catalog | None, effective: Mapping[str, QueueConfig]) -> list[str]:
    """Return who wants keys by what the code says, and the documents of a file over it."""
    needs: list[str] = []
    if catalog is None:
        return needs
    for name in catalog.queue_names():
        queue, said = catalog.queue(name), effective.get(name)
        encrypts = (
            queue.defaults.encrypt_payload if said is None else said.spec.jobs.encrypt_payload
        )
        needs += [f"queue {name!r}"] if encrypts else []
        needs += [
            f"job type {each.name!r}" for each in queue.job_types.values() if each.is_sensitive
        ]
    return needs


async def needs_of_store(store: QueueStore, catalog: Catalog | None) -> list[str]:
    """Return which queues of the apps want keys by the settings that are in force."""
    needs = []
    for name in catalog.queue_names() if catalog is not None else ():
        settings = await store.settings(name)
        try:
            if settings is not None and read_terms(name, settings.document).encrypt_payload:
                needs.append(f"queue {name!r}")
        except Unavailable:  # who knows? what can't be read here is no matter of keys
            continue
    return needs


def judge_keys(needs: list[str]) -> list[Finding]:
    """Say whether there are keys; nothing where nobody wants any, or `variable` has told."""
    try:
        keys = KeySettings().keyring()
    except (ConfigInvalid, ValidationError):
        return []
    if not needs:
        return []
    who = ", ".join(dict.fromkeys(needs))
    if keys:
        return [fine("keys", f"There are keys to encrypt with, for {who}.")]
    sentence = (
        f"There is no key to encrypt with, for {who}: set HEADPOND_ENCRYPTION_KEYS or"
        " HEADPOND_ENCRYPTION_KEYS_FILE, or no such job is taken and none runs."
    )
    return [refusal("keys", sentence)]
