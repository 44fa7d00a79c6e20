"""The QueueConfig schema, its durations and its faults: one schema for every way to run."""

from headpond.config.documents import QueueConfig, parse_documents, parse_spec
from headpond.config.durations import format_duration, parse_duration
from headpond.config.merge import default_config, over, with_ceiling
from headpond.config.spec import API_VERSION, KIND, QueueConfigDocument, QueueConfigSpec

__all__ = [
    "API_VERSION",
    "KIND",
    "QueueConfig",
    "QueueConfigDocument",
    "QueueConfigSpec",
    "default_config",
    "format_duration",
    "over",
    "parse_documents",
    "parse_duration",
    "parse_spec",
    "with_ceiling",
]
