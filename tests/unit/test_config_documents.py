"""QueueConfig documents: what is taken, and what is refused in which words."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from headpond.config import QueueConfig, parse_documents
from headpond.errors import ConfigInvalid

HEAD = "apiVersion: headpond.dev/v1alpha1\nkind: QueueConfig\nmetadata: {name: attendance}\n"

FULL = """\
apiVersion: headpond.dev/v1alpha1
kind: QueueConfig
metadata: {name: attendance}
spec:
  queue: attendance
  pause: None
  jobs: {concurrency: 50, maxActive: 500, timeout: 5m, retries: 3,
         backoff: {type: exponential, delay: 2s, factor: 2, max: 10m, jitter: 0.1},
         priority: high, rateLimit: {max: 10, per: 1s}, durability: fast, encryptPayload: false,
         retention: {completed: {age: 24h, count: 1000}, failed: {age: 7d, count: 500}},
         tenants: {default: {weight: 1, maxActive: 50, rateLimit: {max: 100, per: 1s}},
                   overrides: {acme: {weight: 4}}}}
  scaling:
    mode: Auto
    min: 0
    max: 20
    target: {wait: 30s}
    scaleUp: {stabilization: 0s, policies: [{type: Percent, value: 900, period: 15s}]}
    scaleDown: {stabilization: 60s, policies: [{type: Pods, value: 2, period: 1m}], select: Min}
    idleAfter: 2m
    schedule: [{cron: "0 7 * * 1-5", tz: Asia/Kolkata, min: 5, for: 3h}]
    onUnknown: {hold: true}
  worker:
    apps: [headpond_school]
    image: example/worker:1
    resources: {requests: {cpu: 100m}}
    env: [{name: A, value: b}]
    envFrom: [{secretRef: {name: s}}]
    nodeSelector: {disk: ssd}
    tolerations: [{key: a, operator: Exists}]
    affinity: {}
    serviceAccountName: worker
    podTemplate: {spec: {}}
  deletionPolicy: Retain
"""


LAUGHS = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x]"]
    + [f"{k}: &{k} [{','.join([f'*{before}'] * 8)}]" for before, k in pairwise("abcdefg")]
)
"""Two million values in seven lines."""


def one(spec: str) -> QueueConfig:
    """Parse a document of this spec (YAML, in one line)."""
    (config,) = parse_documents(f"{HEAD}spec: {spec}", "q.yaml")
    return config


def refused(text: str) -> dict[str, str]:
    """Return pointer → detail of every fault."""
    with pytest.raises(ConfigInvalid) as caught:
        parse_documents(text, "q.yaml")
    return {fault.pointer: fault.detail for fault in caught.value.errors}


def test_the_document_of_the_design_is_taken_whole() -> None:
    """Every field that the custom resource shows is known here."""
    (config,) = parse_documents(FULL, "q.yaml")
    jobs, scaling = config.spec.jobs, config.spec.scaling
    assert (config.name, config.queue, config.source) == ("attendance", "attendance", "q.yaml:1")
    assert (jobs.concurrency, jobs.max_active, jobs.priority) == (50, 500, 7)
    assert jobs.tenants.overrides["acme"].weight == 4
    assert scaling.target.wait == timedelta(seconds=30)
    assert scaling.scale_up.policies[0].value == 900
    assert scaling.schedule[0].for_ == timedelta(hours=3)


def test_a_document_needs_no_more_than_a_name() -> None:
    """Everything has a default, and `null` means absent as it does for kubectl."""
    bare, null = (
        parse_documents(HEAD)[0],
        parse_documents(HEAD + "spec: {jobs: {timeout: null}, scaling: }")[0],
    )
    assert bare.spec == null.spec
    assert (bare.spec.jobs.concurrency, bare.spec.jobs.retries) == (10, 3)
    assert (bare.spec.scaling.min, bare.spec.scaling.max) == (0, 20)


def test_what_the_api_server_adds_is_taken_and_left_alone() -> None:
    """The output of `kubectl get -o yaml` can be given back."""
    text = HEAD.replace(
        "{name: attendance}", "{name: a, uid: x, generation: 3, managedFields: [{}]}"
    )
    assert parse_documents(text + "status: {replicas: 3}")[0].queue == "a"


def test_several_documents_of_a_file_are_read_in_order() -> None:
    """Empty documents between them are nothing."""
    text = f"---\n{HEAD}---\n---\n{HEAD.replace('attendance', 'reports')}spec: {{queue: weekly}}\n"
    assert [config.queue for config in parse_documents(text)] == ["attendance", "weekly"]


@pytest.mark.parametrize(
    ("spec", "in_force"),
    [
        ("{}", "None"),
        ("{paused: true}", "Hold"),
        ("{paused: false}", "None"),
        ("{pause: Drain}", "Drain"),
        ("{pause: Drain, paused: true}", "Drain"),
    ],
)
def test_paused_is_another_word_for_hold(spec: str, in_force: str) -> None:
    """Both ways to say it are understood, and agree."""
    assert one(spec).spec.pause_in_force == in_force


@pytest.mark.parametrize(
    ("spec", "pointer", "words"),
    [
        ("{paused: true, pause: None}", "/spec/paused", "contradicts pause 'None'"),
        ("{paused: false, pause: Hold}", "/spec/paused", "contradicts pause 'Hold'"),
        ("{paus: true}", "/spec/paus", "Did you mean 'pause'?"),
        ("{pause: hold}", "/spec/pause", "'hold' must be 'None', 'Hold' or 'Drain'."),
        ("{pause: hold}", "/spec/pause", "Did you mean 'Hold'?"),
        ("{replicas: 3}", "/spec/replicas", "replicas 3 is only obeyed in scaling.mode 'Manual'"),
        ("{scaling: {mode: Manual}}", "/spec/scaling/mode", "needs spec.replicas"),
        ("{scaling: {min: 9, max: 3}}", "/spec/scaling/min", "min 9 is more than max 3."),
        ("{scaling: {min: 30}}", "/spec/scaling/min", "min 30 is more than max 20 (the default)."),
        ("{scaling: {max: 0}}", "/spec/scaling/max", "0 must be greater than or equal to 1."),
        ("{scaling: {max: -1}}", "/spec/scaling/max", "-1 must be"),
        ('{scaling: {max: "3"}}', "/spec/scaling/max", "'3' must be an integer."),
        ("{scaling: {max: true}}", "/spec/scaling/max", "true must be an integer."),
        ("{scaling: {max: 2.5}}", "/spec/scaling/max", "2.5 must be an integer."),
        ("{scaling: {max: .nan}}", "/spec/scaling/max", ".nan is no number that JSON can hold."),
        ("{scaling: {mni: 1}}", "/spec/scaling/mni", "Did you mean 'min'?"),
        ("{scaling: {target: {}}}", "/spec/scaling/target", "give wait or backlogPerReplica."),
        (
            "{scaling: {target: {wait: 3s, backlogPerReplica: 4}}}",
            "/spec/scaling/target/backlogPerReplica",
            "backlogPerReplica 4 and wait 3s are both given",
        ),
        ("{scaling: {target: {wait: 0}}}", "/spec/scaling/target/wait", "greater than"),
        ("{scaling: {onUnknown: {hold: false}}}", "/spec/scaling/onUnknown/hold", "hold: true"),
        ("{scaling: {onUnknown: {}}}", "/spec/scaling/onUnknown", "exactly one"),
        (
            "{scaling: {schedule: [{cron: '0 7 * *', min: 1, for: 1h}]}}",
            "/spec/scaling/schedule/0/cron",
            "'0 7 * *' is no cron expression",
        ),
        (
            "{scaling: {schedule: [{cron: '0 7 * * *', tz: Asia/Kolkatta, min: 1, for: 1h}]}}",
            "/spec/scaling/schedule/0/tz",
            "'Asia/Kolkatta' is no time zone",
        ),
        (
            "{scaling: {schedule: [{cron: '0 7 * * *', min: 9, max: 3, for: 1h}]}}",
            "/spec/scaling/schedule/0/min",
            "min 9 is more than max 3.",
        ),
        (
            "{scaling: {schedule: [{cron: '0 7 * * *', min: 30, for: 1h}]}}",
            "/spec/scaling/schedule/0/min",
            "min 30 is more than spec.scaling.max 20",
        ),
        (
            "{scaling: {min: 5, schedule: [{cron: '@daily', min: 1, max: 3, for: 1h}]}}",
            "/spec/scaling/schedule/0/max",
            "max 3 is less than spec.scaling.min 5",
        ),
        (
            "{scaling: {schedule: [{cron: '0 7 * * *', min: 1}]}}",
            "/spec/scaling/schedule/0/for",
            "for is missing.",
        ),
        (
            "{scaling: {scaleUp: {policies: [{type: Pod, value: 1, period: 1s}]}}}",
            "/spec/scaling/scaleUp/policies/0/type",
            "Did you mean 'Pods'?",
        ),
        (
            "{scaling: {scaleUp: {policies: {}}}}",
            "/spec/scaling/scaleUp/policies",
            "{} must be a list.",
        ),
        ("{jobs: {timeout: 5x}}", "/spec/jobs/timeout", "'5x' is no duration"),
        ("{jobs: {timeout: 0s}}", "/spec/jobs/timeout", "greater than"),
        ("{jobs: {timeout: 2001-01-01}}", "/spec/jobs/timeout", "'2001-01-01' is no duration"),
        ("{jobs: {max_active: 3}}", "/spec/jobs/max_active", "Did you mean 'maxActive'?"),
        ("{jobs: {priority: hihg}}", "/spec/jobs/priority", "none of low, normal, high, critical"),
        ("{jobs: {priority: 10}}", "/spec/jobs/priority", "10 is not within 0 to 9"),
        ("{jobs: {priority: true}}", "/spec/jobs/priority", "true must be"),
        ("{jobs: {backoff: {delay: 1h}}}", "/spec/jobs/backoff/delay", "more than max 10m."),
        ("{jobs: {encryptPayload: 1}}", "/spec/jobs/encryptPayload", "1 must be true or false."),
        ("{jobs: 3}", "/spec/jobs", "3 must be a mapping."),
        (
            "{jobs: {tenants: {overrides: {acme: {wieght: 2}}}}}",
            "/spec/jobs/tenants/overrides/acme/wieght",
            "Did you mean 'weight'?",
        ),
        (
            "{jobs: {tenants: {overrides: {a/b: {weight: 2}}}}}",
            "/spec/jobs/tenants/overrides/a~1b",
            "a tenant has 1 to 100 letters",
        ),
        (
            "{jobs: {tenants: {overrides: {acme: {weight: 1}, acme: {weight: 2}}}}}",
            "/spec/jobs/tenants/overrides/acme",
            "'acme' is given twice",
        ),
        (
            "{jobs: {tenants: {default: {rateLimit: {max: 0}}}}}",
            "/spec/jobs/tenants/default/rateLimit/max",
            "0 must be greater than or equal to 1.",
        ),
        (
            "{jobs: {rateLimit: {max: 1, per: 5ms}}}",
            "/spec/jobs/rateLimit/per",
            "5ms is not within",
        ),
        (
            f"{{worker: {{apps: [{'a,' * 101}]}}}}",
            "/spec/worker/apps",
            "101 entries are too many; apps takes 100 at most.",
        ),
        ("{worker: {apps: school}}", "/spec/worker/apps", "'school' must be a list."),
        ("{worker: {targetRef: {}}}", "/spec/worker/targetRef/name", "name is missing."),
        (
            "{worker: {image: x, targetRef: {name: y}}}",
            "/spec/worker/image",
            "targetRef names someone else's Deployment",
        ),
        ("{queue: Attendance}", "/spec/queue", "'Attendance' is no queue name"),
        ("{jobs: {retries: 1, retries: 2}}", "/spec/jobs/retries", "'retries' is given twice"),
        ("{jobs: {? [a] : 1}}", "/spec/jobs", "A key here is no text."),
        ("{jobs: {retries: !!python/name:x 1}}", "/spec/jobs/retries", "is no type of JSON."),
        ("{jobs: {retries: !!int x}}", "/spec/jobs/retries", "'x' is no int."),
    ],
)
def test_a_fault_is_said_with_its_path_value_and_reason(
    spec: str, pointer: str, words: str
) -> None:
    """Each sentence can be acted on without looking anything up."""
    wrong = refused(f"{HEAD}spec: {spec}")
    assert words in wrong[pointer]
    assert "(QueueConfig 'attendance', line 4)" in wrong[pointer]


def test_all_faults_of_all_documents_are_said_at_once() -> None:
    """Nobody mends a file one fault per try."""
    text = f"{HEAD}spec:\n  jobs: {{retries: -1}}\n  pause: x\n---\n{HEAD}spec: {{queu: a}}\n"
    wrong = refused(text)
    assert list(wrong) == ["/spec/pause", "/spec/jobs/retries", "/spec/queu"]
    assert "line 5)" in wrong["/spec/jobs/retries"]
    assert "line 11)" in wrong["/spec/queu"]


def test_a_value_of_the_environment_is_never_shown() -> None:
    """It may be a secret, and what is said here ends in logs."""
    wrong = refused(f"{HEAD}spec: {{worker: {{env: [hunter2], envFrom: hunter2}}}}")
    assert wrong.keys() == {"/spec/worker/env/0", "/spec/worker/envFrom"}
    assert "hunter2" not in str(wrong)


def test_a_name_can_t_be_empty() -> None:
    """Nor anything else that pydantic has words of its own for."""
    wrong = refused(HEAD.replace("attendance", '""'))
    assert "'' is refused: String should have at least 1 character." in wrong["/metadata/name"]


def test_a_queue_declared_twice_is_refused() -> None:
    """Two documents can't both be right."""
    wrong = refused(f"{HEAD}---\n{HEAD.replace('attendance', 'b')}spec: {{queue: attendance}}")
    assert wrong["/spec/queue"] == "Queue 'attendance' is declared twice: q.yaml:1 and q.yaml:5."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "Not YAML at line 1, column 6"),
        ("a: b: c", "Not YAML at line 1"),
        ("\x00", "Not YAML: unacceptable character"),
        ("x: &a [*a]", "nested too deeply"),
        ("[" * 1000, "nested too deeply"),
        ("x" * 1_048_577, "1,048,577 characters; the limit is 1,048,576."),
        ("- 1", "[1] must be a mapping."),
        ("just words", "'just words' must be a mapping."),
        (
            LAUGHS,
            "aliases that grow without bound",
        ),
    ],
)
def test_what_is_no_document_is_refused(text: str, words: str) -> None:
    """Broken, hostile and huge texts get a sentence, too."""
    assert words in refused(text)[""]


def test_an_object_of_another_kind_is_refused() -> None:
    """A manifest of something else in the file is a mistake, not a queue."""
    wrong = refused("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}")
    assert wrong.keys() == {"/apiVersion", "/kind"}
    assert "'Deployment' must be 'QueueConfig'." in wrong["/kind"]


def test_a_long_value_is_shortened() -> None:
    """The sentence stays a sentence."""
    wrong = refused(f"{HEAD}spec: {{pause: {'x' * 500}}}")
    assert len(wrong["/spec/pause"]) < 200
