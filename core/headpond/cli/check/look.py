"""The whole look: environment, apps, documents, Redis and its queues."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headpond.cli.check.apps import look_at_apps, look_at_file
from headpond.cli.check.keys import judge_keys, needs_of_apps, needs_of_store
from headpond.cli.check.queues import judge_queues
from headpond.cli.check.variables import (
    app_settings,
    look_at_variables,
    redis_settings,
    variables_of_apps,
)
from headpond.errors import ConfigInvalid, HeadpondError
from headpond.findings import Finding, fine, refusal
from headpond.redis import RedisQueueStore
from headpond.redis.gate import findings as gate_findings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from headpond.app.catalog import Catalog
    from headpond.config import QueueConfig
    from headpond.settings import RedisSettings


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line."""

    apps: tuple[str, ...]
    file: Path | None


async def look(wanted: Wanted) -> list[Finding]:
    """Look at everything, whatever of it is broken."""
    said = app_settings()
    named = wanted.apps or (said.apps if said is not None else ())
    of_apps, catalog = look_at_apps(named)
    found = look_at_variables(os.environ, variables_of_apps(sys.modules))
    found += of_apps
    effective: Mapping[str, QueueConfig] = {}
    if wanted.file is not None:
        of_file, effective = look_at_file(wanted.file, catalog)
        found += of_file
    needs = needs_of_apps(catalog, effective)
    settings = redis_settings()
    of_redis = [] if settings is None else await _look_at_redis(settings, catalog, needs)
    return [*found, *judge_keys(needs), *of_redis]


async def _look_at_redis(
    settings: RedisSettings, catalog: Catalog | None, needs: list[str]
) -> list[Finding]:
    try:
        store = RedisQueueStore(settings.url, settings.namespace)
    except ConfigInvalid as error:
        return [refusal("redis", " ".join(each.detail for each in error.errors))]
    try:
        found = await gate_findings(store.client)
        if any(finding.is_refusal for finding in found):
            return found
        reached = fine("redis", f"It answers; the namespace is {settings.namespace!r}.")
        queues = await store.queues()
        needs += await needs_of_store(store, catalog)
        return [reached, *found, *judge_queues(catalog, queues, await store.sample(queues))]
    except HeadpondError as error:
        return [refusal("redis", str(error))]
    finally:
        await store.close()
