"""`headpond api`, also `python -m headpond_api`."""

from __future__ import annotations

import sys
from typing import NoReturn

import click
from pydantic import ValidationError

from headpond.app.catalog import Catalog, load_apps
from headpond.errors import HeadpondError
from headpond.redis import RedisQueueStore
from headpond.settings import ApiSettings
from headpond.telemetry.logs import configure_logging, say_refusal
from headpond_api.app import create_app
from headpond_api.pointers import faults
from headpond_api.server import serve


@click.command()
def api() -> None:
    """Serve Headpond over HTTP; the environment (HEADPOND_*) says where and what."""
    try:
        settings = ApiSettings()
        configure_logging(settings.log_level, settings.log_format)
        catalog = Catalog(load_apps(settings.apps))
        store = RedisQueueStore(settings.url, settings.namespace)
        serve(create_app(settings, store, catalog), settings.host, settings.port)
    except ValidationError as error:
        _refuse(" ".join(f"{each.pointer}: {each.detail}" for each in faults(error)))
    except (HeadpondError, ValueError) as error:
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    say_refusal("headpond api", sentence)
    sys.exit(2)


if __name__ == "__main__":
    api()
