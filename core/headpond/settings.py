"""What the environment says, read once in each composition root and passed on.

Every variable begins with `HEADPOND_`; `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD` and `REDIS_DB`
are understood too and used where `HEADPOND_REDIS_URL` is not set.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from headpond.config.faults import faults
from headpond.errors import ConfigInvalid, FieldError
from headpond.queues import check_worker_id
from headpond.sealing import Keyring

if TYPE_CHECKING:
    from collections.abc import Mapping


class RedisSettings(BaseSettings):
    """Where the jobs are."""

    model_config = SettingsConfigDict(env_prefix="HEADPOND_", frozen=True, populate_by_name=True)

    redis_url: SecretStr = SecretStr("")
    """`redis://`, `rediss://` (TLS), `redis+sentinel://`, `redis+cluster://` or `unix://`; user,
    password and database number in it."""
    redis_host: str = Field("localhost", validation_alias=AliasChoices("REDIS_HOST"))
    redis_port: int = Field(6379, validation_alias=AliasChoices("REDIS_PORT"), ge=1, le=65535)
    redis_password: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("REDIS_PASSWORD")
    )
    redis_db: int = Field(0, validation_alias=AliasChoices("REDIS_DB"), ge=0)
    namespace: str = "headpond"
    """First part of every Redis key: several installations may share a Redis."""

    @property
    def url(self) -> str:
        """The URL in force."""
        given = self.redis_url.get_secret_value()
        if given:
            return given
        secret = self.redis_password.get_secret_value()
        login = f":{quote(secret, safe='')}@" if secret else ""
        return f"redis://{login}{self.redis_host}:{self.redis_port}/{self.redis_db}"


class KeySettings(BaseSettings):
    """What payloads are encrypted with."""

    model_config = SettingsConfigDict(env_prefix="HEADPOND_", frozen=True, populate_by_name=True)

    encryption_keys: SecretStr = SecretStr("")
    """`id:key` by commas, a key being 32 bytes in base64; the first seals, all open."""
    encryption_keys_file: str = ""
    """Or a file that holds them, a line each."""

    def keyring(self) -> Keyring:
        """Return the keys, perhaps none; raise `ConfigInvalid` without showing any of them."""
        given = self.encryption_keys.get_secret_value()
        if not self.encryption_keys_file:
            return Keyring.parse(given, "HEADPOND_ENCRYPTION_KEYS")
        source = "HEADPOND_ENCRYPTION_KEYS_FILE"
        if given:
            detail = "HEADPOND_ENCRYPTION_KEYS is given too, and which key seals? Leave one out."
            raise ConfigInvalid([FieldError("", detail)], source)
        try:
            text = Path(self.encryption_keys_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            detail = f"{self.encryption_keys_file!r} can't be read: {why}."
            raise ConfigInvalid([FieldError("", detail)], source) from None
        keys = Keyring.parse(text, f"{source} ({self.encryption_keys_file})")
        if not keys:
            detail = f"{self.encryption_keys_file!r} holds no key."
            raise ConfigInvalid([FieldError("", detail)], source)
        return keys


class AppSettings(RedisSettings, KeySettings):
    """What every process that runs or accepts jobs must know."""

    apps: Annotated[tuple[str, ...], NoDecode] = ()
    """Modules that hold an `App`, by commas; empty: those with an entry point `headpond.apps`."""
    log_level: str = "info"
    log_format: str = "text"
    """`text` for people, `json` for machines: one object per line."""

    @field_validator("apps", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


class ApiSettings(AppSettings):
    """The API process."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    """0 picks a free one."""
    api_key: SecretStr = SecretStr("")
    """The one key that may do everything; without it the API answers 401 to all but the probes."""
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024)
    """A request body over this is 413; a bulk of 1,000 small payloads fits well."""
    max_payload_bytes: int = Field(256 * 1024, ge=64)
    """One job's payload over this is 413."""


class WorkerSettings(AppSettings):
    """A worker process."""

    queue: str = ""
    worker_id: str = ""
    """Unique while the process lives; in Kubernetes the pod's name. Empty: made of host and pid."""
    grace_s: float = Field(25.0, ge=0)
    """After SIGTERM running jobs may go on this long; then they are handed back."""
    probe_port: int = Field(0, ge=0, le=65535)
    """Port of /livez and /readyz; 0: none."""

    @field_validator("worker_id")
    @classmethod
    def _can_name(cls, value: str) -> str:
        try:
            return value and check_worker_id(value)
        except ConfigInvalid as error:
            why = error.errors[0].detail
            raise PydanticCustomError("worker_id", "{why}", {"why": why}) from error


class OperatorSettings(AppSettings):
    """The operator's process."""

    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """Kubernetes namespaces whose QueueConfigs it serves, by commas; empty: its own; `*`: all."""
    pod_namespace: str = ""
    """Where it runs itself, and its Lease is; empty: as the service account or kubeconfig says."""
    identity: str = ""
    """Name in the Lease; a bit of chance is added. Empty: the host's name."""
    lease_name: str = "headpond-operator"
    """Operators that share a Redis namespace must share the Lease."""
    probe_port: int = Field(8080, ge=0, le=65535)
    """Port of /livez, /readyz and /metrics; 0: none."""
    worker_image: str = ""
    """Of workers whose QueueConfig and whose template name none."""
    worker_template_file: str = ""
    """A pod template in YAML that is laid over the operator's own, under each QueueConfig's."""
    unschedulable_after_s: float = Field(120.0, ge=0)
    """So long an autoscaler of nodes has time to make room; then no more pods are asked for."""

    @field_validator("watch_namespaces", mode="before")
    @classmethod
    def _split_namespaces(cls, value: object) -> object:
        return cls._split(value)


_S = TypeVar("_S", bound=BaseSettings)


def from_environment(kind: type[_S], given: Mapping[str, Any] | None = None) -> _S:
    """Return what the environment says, and over it what is given and not `None`.

    Raises `ConfigInvalid` that names each variable that can't be taken.
    """
    try:
        return kind(**{name: value for name, value in (given or {}).items() if value is not None})
    except ValidationError as error:
        wrong = [
            FieldError(f"/HEADPOND_{fault.pointer[1:].upper()}", fault.detail)
            for fault in faults(error, kind)
        ]
        raise ConfigInvalid(wrong, "environment") from error
