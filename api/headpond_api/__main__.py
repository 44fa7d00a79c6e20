"""`headpond api`, also `python -m headpond_api`."""

from __future__ import annotations

import logging
import sys

import click
from pydantic import ValidationError

from headpond.app.catalog import Catalog, load_apps
from headpond.errors import HeadpondError
from headpond.redis import RedisQueueStore
from headpond.settings import ApiSettings
from headpond_api.app import create_app
from headpond_api.pointers import faults
from headpond_api.server import serve


@click.command()
def api() -> None:
    """Serve Headpond over HTTP; the environment (HEADPOND_*) says where and what."""
    try:
        settings = ApiSettings()
        logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(message)s")
        catalog = Catalog(load_apps(settings.apps))
        store = RedisQueueStore(settings.url, settings.namespace)
        serve(create_app(settings, store, catalog), settings.host, settings.port)
    except ValidationError as error:
        sys.exit(_refused(" ".join(f"{each.pointer}: {each.detail}" for each in faults(error))))
    except (HeadpondError, ValueError) as error:
        sys.exit(_refused(str(error)))


def _refused(sentence: str) -> int:
    click.echo(f"headpond api: {sentence}", err=True)
    return 2


if __name__ == "__main__":
    api()
