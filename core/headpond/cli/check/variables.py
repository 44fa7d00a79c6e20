"""The environment: variables that nobody reads, and values that can't be read."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from headpond import settings
from headpond.cli.up.redis_binary import VARIABLE as REDIS_SERVER
from headpond.config.faults import faults
from headpond.errors import ConfigInvalid
from headpond.findings import Finding, fine, refusal, warning
from headpond.settings import ApiSettings, AppSettings, RedisSettings, WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX: Final = "HEADPOND_"
READ: Final[tuple[type[AppSettings], ...]] = (ApiSettings, WorkerSettings)
"""Everything that a process of ours reads; the others are parts of these."""

_LINK: Final = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")
"""What Kubernetes sets in every pod for a Service: NAME_SERVICE_HOST, NAME_PORT_80_TCP_ADDR, …"""


def look_at_variables(environ: Mapping[str, str], also_known: Iterable[str] = ()) -> list[Finding]:
    """Judge the environment; `also_known` are the variables that the apps read."""
    known = known_variables() | set(also_known)
    given = sorted(name for name in environ if name.upper().startswith(PREFIX))
    unknown = [
        name for name in given if name.upper() not in known and not _LINK.search(name.upper())
    ]
    found = [warning("variable", _unknown(name, known)) for name in unknown]
    found += [refusal("variable", sentence) for sentence in _unreadable(environ)]
    if found:
        return found
    count = len(given)
    variables = f"{count} variable{'' if count == 1 else 's'} HEADPOND_…"
    return [fine("variables", f"{variables}, and each is known." if count else "None is set.")]


def known_variables() -> set[str]:
    """Return the names that Headpond itself reads."""
    names = {REDIS_SERVER}
    for each in vars(settings).values():
        if isinstance(each, type) and issubclass(each, BaseSettings):
            names |= variables_of(each)
    return names


def variables_of(model: type[BaseSettings]) -> set[str]:
    """Return the names that a settings class reads."""
    prefix = str(model.model_config.get("env_prefix") or "")
    return {f"{prefix}{name}".upper() for name in model.model_fields if prefix.upper() == PREFIX}


def variables_of_apps(modules: Mapping[str, object]) -> set[str]:
    """Return the names that settings classes of loaded modules read: an app may have its own."""
    return {
        name
        for module in list(modules.values())
        for each in list(getattr(module, "__dict__", {}).values())
        if isinstance(each, type) and issubclass(each, BaseSettings) and each is not BaseSettings
        for name in variables_of(each)
    }


def redis_settings() -> RedisSettings | None:
    """Return where Redis is, `None` when the environment can't be read."""
    try:
        return RedisSettings()
    except ValidationError:
        return None


def app_settings() -> AppSettings | None:
    """Return what the apps are, `None` when the environment can't be read."""
    try:
        return AppSettings()
    except ValidationError:
        return None


def _unknown(name: str, known: Iterable[str]) -> str:
    words = [each.removeprefix(PREFIX) for each in sorted(known)]  # else all are alike
    near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), words, n=1, cutoff=0.6)
    if near:
        return f"Nothing reads {name}; did you mean {PREFIX}{near[0]}?"
    return f"Nothing reads {name}; take it away, or look for its right name."


def _unreadable(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each value that a process would refuse; it has no secret in it."""
    sentences: dict[str, None] = {}
    for model in READ:
        try:
            model().keyring()
        except ConfigInvalid as error:
            sentences[str(error)] = None
        except ValidationError as error:
            for fault in faults(error, model):
                name = _variable(fault.pointer)
                sentences[_refused(name, fault.detail, environ)] = None
    return list(sentences)


def _variable(pointer: str) -> str:
    name = pointer[1:].upper()
    return name if name.startswith("REDIS_") and name != "REDIS_URL" else f"{PREFIX}{name}"


def _refused(name: str, detail: Any, environ: Mapping[str, str]) -> str:  # noqa: ANN401 (text)
    value = next((value for key, value in environ.items() if key.upper() == name), "")
    if re.match(r"(tcp|udp)://", value):
        return (
            f"{name} is {value!r}, which Kubernetes sets for a Service of this name: call the"
            " Service otherwise, or give the pod enableServiceLinks: false."
        )
    return f"{name}: {detail}"
