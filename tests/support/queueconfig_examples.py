"""QueueConfigs that the API server takes and refuses: one of each for every rule of the CRD.

The models of `headpond.config` must think the same of each; where they can't, `differs` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from headpond_operator.crd import crd
from headpond_operator.crd_schema import RULES
from queueconfig_texts import CRONS, DURATIONS, NO_CRONS, NO_DURATION


@dataclass(frozen=True, slots=True)
class Example:
    """One QueueConfig, and what the API server says of it."""

    rule: str
    """Where the rule stands and its number there, such as `spec.scaling#0`; `types`: the schema."""
    spec: str
    """YAML."""
    words: str = ""
    """A part of the sentence that refuses it; empty: it is taken."""
    differs: str = ""
    """Why the models think otherwise; empty: they agree."""
    name: str = ""
    """metadata.name, where that is what it is about."""

    @property
    def is_taken(self) -> bool:
        """Whether the API server takes it."""
        return not self.words

    def to_document(self, name: str, namespace: str = "") -> dict[str, Any]:
        """Return the object under this name, unless it has one of its own."""
        metadata = {"name": self.name or name}
        return {
            "apiVersion": "headpond.dev/v1alpha1",
            "kind": "QueueConfig",
            "metadata": {**metadata, "namespace": namespace} if namespace else metadata,
            "spec": yaml.safe_load(self.spec),
        }


_CRON: Final = "{scaling: {schedule: [{cron: '%s', min: 1, for: 1h}]}}"
_ZONE: Final = "{scaling: {schedule: [{cron: '@daily', min: 1, for: 1h, tz: '%s'}]}}"
_NO_TENANT: Final = "a tenant has 1 to 100 letters"


def _durations() -> list[Example]:
    found = []
    for path, spec, fitting, beyond, words in DURATIONS:
        found += [Example(f"{path}#{n}", spec % text) for n in (0, 1) for text in fitting]
        found += [Example(f"{path}#1", spec % text, words) for text in beyond]
        found += [Example(f"{path}#0", spec % text, NO_DURATION) for text in ("5x", "'-5s'", "''")]
    return found


RULED: Final = (
    Example("#0", "{}", name="a" * 56),
    Example(
        "#0", "{}", "has 1 to 56 of a-z", "no Deployment is named after it there", name="b" * 57
    ),
    Example(
        "#0",
        "{queue: a}",
        "has 1 to 56 of a-z",
        "outside Kubernetes the queue alone has to be a label",
        name="a.b",
    ),
    Example("spec#0", "{pause: Hold, paused: true}"),
    Example("spec#0", "{pause: None, paused: false}"),
    Example("spec#0", "{paused: true}"),
    Example("spec#0", "{pause: None, paused: true}", "paused true contradicts pause None"),
    Example("spec#0", "{pause: Drain, paused: false}", "paused false contradicts pause Drain"),
    Example("spec#1", "{replicas: 0, scaling: {mode: Manual}}"),
    Example("spec#1", "{scaling: {mode: Manual}}", "mode Manual needs spec.replicas"),
    Example("spec#2", "{replicas: 3, scaling: {mode: Manual}}"),
    Example("spec#2", "{replicas: 3}", "replicas 3 is only obeyed in scaling.mode Manual"),
    Example("spec#2", "{replicas: 3, scaling: {mode: Frozen}}", "and the mode is Frozen."),
    Example("spec.queue#0", "{queue: weekly-reports-2}"),
    Example("spec.queue#0", "{queue: Weekly}", "'Weekly' is no queue name: 1 to 63 of a-z"),
    Example("spec.queue#0", "{queue: a-}", "'a-' is no queue name"),
    Example("spec.queue#0", "{queue: a.b}", "'a.b' is no queue name"),
    Example("spec.jobs.backoff#0", "{jobs: {backoff: {delay: 10m}}}"),
    Example("spec.jobs.backoff#0", "{jobs: {backoff: {type: fixed, delay: 1h}}}"),
    Example("spec.jobs.backoff#0", "{jobs: {backoff: {delay: '90', max: 1.5m}}}"),
    Example(
        "spec.jobs.backoff#0", "{jobs: {backoff: {delay: 1h}}}", "delay 1h is more than max 10m"
    ),
    Example("spec.jobs.backoff#0", "{jobs: {backoff: {max: '1'}}}", "delay 2s is more than max 1."),
    *(Example("spec.jobs.priority#0", f"{{jobs: {{priority: {p}}}}}") for p in (0, 9, "high")),
    Example("spec.jobs.priority#0", "{jobs: {priority: hihg}}", "'hihg' is none of low, normal"),
    Example("spec.jobs.priority#0", "{jobs: {priority: '5'}}", "'5' is none of low, normal"),
    Example("spec.jobs.tenants#0", "{jobs: {tenants: {overrides: {'': {}, a.b_c@d-e: {}}}}}"),
    Example("spec.jobs.tenants#0", f"{{jobs: {{tenants: {{overrides: {{{'a' * 100}: {{}}}}}}}}}}"),
    Example("spec.jobs.tenants#0", "{jobs: {tenants: {overrides: {a/b: {}}}}}", _NO_TENANT),
    Example("spec.jobs.tenants#0", "{jobs: {tenants: {overrides: {-a: {}}}}}", _NO_TENANT),
    Example(
        "spec.jobs.tenants#0",
        f"{{jobs: {{tenants: {{overrides: {{{'a' * 101}: {{}}}}}}}}}}",
        _NO_TENANT,
    ),
    Example("spec.scaling#0", "{scaling: {min: 20}}"),
    Example("spec.scaling#0", "{scaling: {min: 3, max: 3}}"),
    Example("spec.scaling#0", "{scaling: {min: 9, max: 3}}", "min 9 is more than max 3."),
    Example("spec.scaling#0", "{scaling: {min: 21}}", "min 21 is more than max 20 (the default)."),
    Example("spec.scaling#1", "{scaling: {schedule: [{cron: '@daily', min: 20, for: 1h}]}}"),
    Example(
        "spec.scaling#1", "{scaling: {schedule: [{cron: '@daily', min: 30, max: 30, for: 1h}]}}"
    ),
    Example(
        "spec.scaling#1",
        "{scaling: {schedule: [{cron: '@daily', min: 1, for: 1h},"
        " {cron: '@daily', min: 30, for: 1h}]}}",
        "min 30 is more than spec.scaling.max 20; give the entry a max.",
    ),
    Example("spec.scaling#2", "{scaling: {min: 5, schedule: [{cron: '@daily', min: 1, for: 1h}]}}"),
    Example(
        "spec.scaling#2",
        "{scaling: {min: 5, schedule: [{cron: '@daily', min: 1, max: 3, for: 1h}]}}",
        "max 3 is less than spec.scaling.min 5, which holds all day.",
    ),
    Example("spec.scaling.target#0", "{scaling: {target: {backlogPerReplica: 1}}}"),
    Example("spec.scaling.target#0", "{scaling: {target: {}}}", "give wait or backlogPerReplica."),
    Example("spec.scaling.target#1", "{scaling: {target: {wait: '3'}}}"),
    Example(
        "spec.scaling.target#1",
        "{scaling: {target: {wait: 3s, backlogPerReplica: 4}}}",
        "backlogPerReplica 4 and wait 3s are both given; keep one of them.",
    ),
    Example(
        "spec.scaling.schedule[]#0",
        "{scaling: {schedule: [{cron: '@daily', min: 2, max: 2, for: '1'}]}}",
    ),
    Example(
        "spec.scaling.schedule[]#0",
        "{scaling: {schedule: [{cron: '@daily', min: 9, max: 3, for: 1h}]}}",
        "min 9 is more than max 3.",
    ),
    *(Example("spec.scaling.schedule[].cron#0", _CRON % cron) for cron in CRONS),
    *(
        Example("spec.scaling.schedule[].cron#0", _CRON % cron, f"'{cron}' is no cron expression")
        for cron in NO_CRONS
    ),
    *(
        Example(
            "spec.scaling.schedule[].cron#0",
            _CRON % cron,
            differs="only the operator counts days, and says so in a condition",
        )
        for cron in ("0 7 * * 5-1", "0 0 30 2 *", "0 23-22 * * *")
    ),
    *(
        Example("spec.scaling.schedule[].tz#0", _ZONE % zone)
        for zone in ("UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/GMT+5")
    ),
    *(
        Example("spec.scaling.schedule[].tz#0", _ZONE % zone, f"'{zone}' is no time zone")
        for zone in ("", "+05:30", "Asia Kolkata", "/etc/passwd")
    ),
    Example(
        "spec.scaling.schedule[].tz#0",
        _ZONE % "Asia/Kolkatta",
        differs="an API server may have no tz database; the operator says so in a condition",
    ),
    Example("spec.scaling.onUnknown#0", "{scaling: {onUnknown: {hold: true}}}"),
    Example("spec.scaling.onUnknown#0", "{scaling: {onUnknown: {hold: false}}}", "hold: true, or"),
    Example("spec.scaling.onUnknown#1", "{scaling: {onUnknown: {atLeast: 3}}}"),
    Example("spec.scaling.onUnknown#1", "{scaling: {onUnknown: {}}}", "exactly one of hold: true"),
    Example(
        "spec.scaling.onUnknown#1",
        "{scaling: {onUnknown: {hold: true, atLeast: 3}}}",
        "give exactly one of hold: true and atLeast.",
    ),
    Example("spec.worker#0", "{worker: {image: x}}"),
    Example("spec.worker#0", "{worker: {targetRef: {name: a}}}"),
    Example("spec.worker#0", "{worker: {image: x, targetRef: {name: a}}}", "image is given, but"),
    Example("spec.worker#1", "{worker: {podTemplate: {spec: {hostNetwork: false}}}}"),
    Example(
        "spec.worker#1",
        "{worker: {podTemplate: {}, targetRef: {name: a}}}",
        "podTemplate is given, but targetRef names someone else's Deployment.",
    ),
)
"""By rules of CEL."""

_TYPED: Final = "only Kubernetes knows its own objects; outside they have no effect"

_SECONDS: Final = "Kubernetes before 1.34 could not reckon the cost of a rule about both"

TYPED: Final = (
    Example("types", "{}"),
    Example("types", "{jobs: {timeout: null}, scaling: {max: null}}"),
    Example("types", "{pause: hold}", 'supported values: "None", "Hold", "Drain"'),
    Example("types", "{jobs: 3}", "spec.jobs in body must be of type object"),
    Example("types", "{jobs: {retires: 3}}", 'unknown field "spec.jobs.retires"'),
    Example("types", "{jobs: {retries: -1}}", "should be greater than or equal to 0"),
    Example("types", "{jobs: {retries: '3'}}", "must be of type integer"),
    Example("types", "{jobs: {retries: true}}", "must be of type integer"),
    Example("types", "{jobs: {retries: 2.5}}", "must be of type integer"),
    Example(
        "types", "{jobs: {retries: 2.0}}", differs="JSON knows no difference between 2 and 2.0"
    ),
    Example("types", "{jobs: {backoff: {factor: 1.5, jitter: 1}}}"),
    Example("types", "{jobs: {backoff: {factor: 0.5}}}", "should be greater than or equal to 1"),
    Example("types", "{jobs: {encryptPayload: 1}}", "must be of type boolean"),
    Example("types", "{jobs: {priority: 10}}", "should be less than or equal to 9"),
    Example("types", "{jobs: {priority: true}}", "must be of type integer,string"),
    Example("types", "{jobs: {rateLimit: {}}}", "spec.jobs.rateLimit.max: Required value"),
    Example("types", "{jobs: {timeout: -5}}", "must be of type string"),
    Example("types", "{jobs: {timeout: 30}}", "must be of type string", _SECONDS),
    Example("types", "{jobs: {timeout: 0.5}}", "must be of type string", _SECONDS),
    Example("types", "{jobs: {timeout: ' 5m '}}", "is no duration", "spaces around are cut off"),
    Example(
        "types",
        "{jobs: {timeout: '000000000000000000000000005'}}",
        "may not be more than 20 bytes",
        "the API server has to know how long a text can be",
    ),
    Example("types", "{scaling: {max: 0}}", "should be greater than or equal to 1"),
    Example("types", "{scaling: {scaleUp: {policies: {}}}}", "must be of type array"),
    Example("types", "{scaling: {scaleUp: {select: Maximum}}}", "Unsupported value"),
    Example("types", "{worker: {targetRef: {}}}", "spec.worker.targetRef.name: Required value"),
    Example("types", "{worker: {targetRef: {kind: Job, name: a}}}", "Unsupported value"),
    Example("types", f"{{worker: {{apps: [{'a,' * 101}]}}}}", "must have at most 100 items"),
    Example("types", "{worker: {apps: [a], nodeSelector: {disk: ssd}, serviceAccountName: a}}"),
    Example(
        "types",
        "{worker: {env: [{name: A, value: '1'}, {name: B, valueFrom: {fieldRef: {fieldPath: x}}}],"
        " envFrom: [{secretRef: {name: s}}, {prefix: P_, configMapRef: {name: c, optional: true}}],"
        " resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 1, memory: 1.5e3}},"
        " tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}],"
        " affinity: {nodeAffinity: {x: [1]}}, podTemplate: {metadata: {labels: {a: b}}}}}",
    ),
    Example("types", "{worker: {env: [{value: a}]}}", "env[0].name: Required value", _TYPED),
    Example("types", "{worker: {env: [{name: A, value: 1}]}}", "must be of type string", _TYPED),
    Example("types", "{worker: {resources: {limits: {memory: lots}}}}", "should match", _TYPED),
    Example("types", "{worker: {tolerations: [{kee: a}]}}", 'unknown field "spec.worker', _TYPED),
    Example("types", "{worker: {envFrom: [{secretRef: s}]}}", "must be of type object", _TYPED),
)
"""By the schema alone."""

EXAMPLES: Final = (*RULED, *_durations(), *TYPED)

TRANSITIONS: Final = frozenset({"#1"})
"""Rules about a change, which no single document shows."""


def rules() -> list[str]:
    """Return where each rule of the CRD stands, and its number there."""
    found: list[str] = []
    _collect(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "", found)
    return found


def _collect(schema: dict[str, Any], path: str, found: list[str]) -> None:
    found += [f"{path}#{index}" for index, _ in enumerate(schema.get(RULES, ()))]
    for name, below in schema.get("properties", {}).items():
        _collect(below, f"{path}.{name}".lstrip("."), found)
    if "items" in schema:
        _collect(schema["items"], f"{path}[]", found)
    if "additionalProperties" in schema:
        _collect(schema["additionalProperties"], f"{path}.*", found)
