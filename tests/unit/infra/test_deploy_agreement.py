"""The files of infra/deploy fit one another, the program and the image, by the rules of deploy_rules.py.

Each rule is shown to bite: it finds something in files of which one thing is broken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.infra import deploy_rules as rules
from tests.unit.infra.deploy_rules import RULES, Rule
from tests.unit.infra.deployment import Deployment, Mar, broken, deployment

POD = "nodes/spec/template/spec"
NODE = f"{POD}/containers/0"
KAFKA = "compose/services/kafka/environment/KAFKA"
BREAKS: dict[str, tuple[Rule, str, Any]] = {
    "a Service of other pods": (rules.selectors_find_the_pods, "service/spec/selector", {"app": "watchbill"}),
    "a budget of all pods": (rules.selectors_find_the_pods, "budget/spec/selector/matchLabels", {}),
    "pods that their set does not know": (
        rules.selectors_find_the_pods,
        "nodes/spec/template/metadata/labels",
        {"app": "watchbill"},
    ),
    "a spread of other pods": (
        rules.selectors_find_the_pods,
        f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels",
        {"app": "watchbill"},
    ),
    "a topic's name with an underscore": (
        rules.names_are_names_of_kubernetes,
        "topics/0/metadata/name",
        "watchbill.config_commands",
    ),
    "two users of one name": (rules.names_are_names_of_kubernetes, "users/0/metadata/name", "watchbill-reader"),
    "a set of another Service": (rules.names_are_names_of_kubernetes, "nodes/spec/serviceName", "web"),
    "a Service with an address": (rules.names_are_names_of_kubernetes, "service/spec/clusterIP", ""),
    "a policy in small letters": (rules.words_are_those_of_kubernetes, "nodes/spec/podManagementPolicy", "parallel"),
    "a profile that is no word": (
        rules.words_are_those_of_kubernetes,
        f"{POD}/securityContext/seccompProfile/type",
        "runtime/default",
    ),
    "all nodes away at once": (rules.one_node_may_be_away, "budget/spec/maxUnavailable", 3),
    "no node away, ever": (rules.one_node_may_be_away, "budget/spec/maxUnavailable", 0),
    "a Service of another port": (rules.ports_lead_to_the_web, "service/spec/ports/0/port", 8081),
    "a Service of a port by another name": (rules.ports_lead_to_the_web, "service/spec/ports/0/targetPort", "http"),
    "pods that open another port": (
        rules.ports_lead_to_the_web,
        f"{NODE}/ports/0",
        lambda port: {**port, "containerPort": 8081},
    ),
    "a published port that nothing serves": (
        rules.ports_lead_to_the_web,
        "compose/services/b0/ports/0",
        "127.0.0.1:8080:80",
    ),
    "a Service by another name": (rules.ports_lead_to_the_web, "service/metadata/name", "monitor"),
    "a probe of another program": (
        rules.probes_ask_a_page_that_there_is,
        f"{NODE}/readinessProbe/exec/command/2",
        "infra.health",
    ),
    "a probe of another port": (
        rules.probes_ask_a_page_that_there_is,
        "compose/services/b0/healthcheck/test",
        lambda test: [*test, "127.0.0.1:9090"],
    ),
    "a probe without a word": (rules.probes_ask_a_page_that_there_is, f"{NODE}/readinessProbe/timeoutSeconds", 1),
    "a variable misspelt in a pod": (rules.variables_are_read, f"{NODE}/env/3/name", "WATCHBILL_KAFKA_SASL_MECHANISMS"),
    "a variable misspelt in Compose": (
        rules.variables_are_read,
        "compose/services/b1/environment/WATCHBILL_BOOTSTRAPS",
        "kafka:9092",
    ),
    "a variable that is not there": (rules.variables_are_read, f"{NODE}/args/1", "--id=$(NODE_NAME)"),
    "no token": (rules.variables_are_read, f"{NODE}/env/1/name", "WATCHBILL_ALERT_TOKEN"),
    "a token that is too short": (
        rules.the_token_asked_for_is_long_enough,
        "compose/services/b0/environment/WATCHBILL_WEB_TOKEN",
        "${WATCHBILL_WEB_TOKEN:?export a token of 8 or more characters}",
    ),
    "a mount of no volume": (rules.mounts_are_of_volumes, f"{NODE}/volumeMounts/0/name", "kafka"),
    "a volume that nobody mounts": (
        rules.mounts_are_of_volumes,
        f"{POD}/volumes",
        lambda volumes: [*volumes, {"name": "data", "emptyDir": {}}],
    ),
    "secrets that are nowhere": (rules.mounts_are_of_volumes, f"{NODE}/args/5", "--secrets=/run/secrets"),
    "a certificate that is nowhere": (rules.mounts_are_of_volumes, f"{NODE}/env/6/value", "/ca.crt"),
    "a volume that Compose does not know": (
        rules.mounts_are_of_volumes,
        "compose/services/kafka/volumes/0",
        "data:/var/lib/kafka/data",
    ),
    "a log that is lost with its container": (rules.mounts_are_of_volumes, f"{KAFKA}_LOG_DIRS", "/tmp"),
    "pods that cannot write": (
        rules.a_root_that_is_read_only_has_a_tmp,
        f"{NODE}/volumeMounts/3/mountPath",
        "/temporary",
    ),
    "a container that cannot write": (rules.a_root_that_is_read_only_has_a_tmp, "compose/services/b0/tmpfs", []),
    "an image of root": (
        rules.nothing_runs_as_root,
        "dockerfile",
        lambda text: text.replace("USER watchbill\n", "USER root\n"),
    ),
    "an image without a user": (
        rules.nothing_runs_as_root,
        "dockerfile",
        lambda text: text.replace("USER watchbill\n", ""),
    ),
    "pods of another user": (rules.nothing_runs_as_root, f"{POD}/securityContext/runAsUser", 1000),
    "pods that may be root": (rules.nothing_runs_as_root, f"{POD}/securityContext/runAsNonRoot", False),
    "a container that is root after all": (rules.nothing_runs_as_root, f"{NODE}/securityContext/runAsUser", 0),
    "secrets of no group": (rules.nothing_runs_as_root, f"{POD}/securityContext/fsGroup", None),
    "root in Compose": (rules.nothing_runs_as_root, "compose/services/b2/user", "root"),
    "pings of others alone": (rules.pings_need_no_right, f"{POD}/securityContext/sysctls/0/value", "0 1000"),
    "pings of nobody": (rules.pings_need_no_right, "compose/services/b0/sysctls", {"net.ipv4.ping_group_range": "1 0"}),
    "an image of another version": (rules.the_image_is_the_one_that_is_built, f"{NODE}/image", "watchbill:0.0.9"),
    "an image without a version": (rules.the_image_is_the_one_that_is_built, "compose/services/b0/image", "watchbill"),
    "an image of another name in the Dockerfile": (
        rules.the_image_is_the_one_that_is_built,
        "dockerfile",
        lambda text: text.replace("-t watchbill:0.1.0 ", "-t watchbill "),
    ),
    "an image of another name on the page": (
        rules.the_image_is_the_one_that_is_built,
        "page",
        lambda text: text.replace("-t watchbill:0.1.0 ", "-t watchbill "),
    ),
    "a build of another folder": (
        rules.the_image_is_the_one_that_is_built,
        "compose/services/topics/build/context",
        "..",
    ),
    "a user that is not made": (rules.the_login_is_the_operators, f"{NODE}/env/4/value", "watchbill"),
    "another way to log in": (rules.the_login_is_the_operators, f"{NODE}/env/3/value", "PLAIN"),
    "a password of another user": (
        rules.the_login_is_the_operators,
        f"{POD}/volumes/0/secret/secretName",
        "watchbill-reader",
    ),
    "a certificate by another name": (
        rules.the_login_is_the_operators,
        f"{NODE}/env/6/value",
        "/etc/watchbill/kafka-ca/ca.pem",
    ),
    "an address of another Kafka": (rules.the_login_is_the_operators, f"{NODE}/args/2", "--bootstrap=kafka:9093"),
    "a topic of another Kafka": (
        rules.the_login_is_the_operators,
        "topics/3/metadata/labels",
        {"strimzi.io/cluster": "other"},
    ),
    "a login in the clear": (rules.the_login_contradicts_nothing, f"{NODE}/env/2/value", "SASL_PLAINTEXT"),
    "a password that is told twice": (
        rules.the_login_contradicts_nothing,
        f"{NODE}/env",
        lambda env: [*env, {"name": "WATCHBILL_KAFKA_SASL_PASSWORD", "value": "secret"}],
    ),
    "nodes that ask no service": (
        rules.compose_knows_its_services,
        "compose/services/b0/environment/WATCHBILL_BOOTSTRAP",
        "broker:9092",
    ),
    "nodes that ask the controller": (
        rules.compose_knows_its_services,
        "compose/services/b0/environment/WATCHBILL_BOOTSTRAP",
        "kafka:9094",
    ),
    "topics made elsewhere": (rules.compose_knows_its_services, "compose/services/topics/command/2", "localhost:9092"),
    "a Kafka that sends clients elsewhere": (
        rules.compose_knows_its_services,
        f"{KAFKA}_ADVERTISED_LISTENERS",
        "CLIENT://localhost:9092",
    ),
    "a voter that is no service": (
        rules.compose_knows_its_services,
        f"{KAFKA}_CONTROLLER_QUORUM_VOTERS",
        "1@controller:9093",
    ),
    "a node that waits for no service": (
        rules.compose_knows_its_services,
        "compose/services/b0/depends_on",
        {"init": {"condition": "service_started"}},
    ),
    "another Kafka than is tried": (
        rules.composes_kafka_is_the_one_that_is_tried,
        "compose/services/kafka/image",
        "apache/kafka:3.9.0",
    ),
    "a setting misspelt": (
        rules.composes_kafka_is_the_one_that_is_tried,
        f"{KAFKA}_GROUPS_MIN_SESSION_TIMEOUT_MS",
        1000,
    ),
    "sessions of six seconds": (
        rules.composes_kafka_is_the_one_that_is_tried,
        f"{KAFKA}_GROUP_MIN_SESSION_TIMEOUT_MS",
        6000,
    ),
    "records that are too large": (
        rules.composes_kafka_is_the_one_that_is_tried,
        f"{KAFKA}_MESSAGE_MAX_BYTES",
        1048588,
    ),
    "less time for a pod": (rules.nodes_have_time_to_hand_over, f"{POD}/terminationGracePeriodSeconds", 10),
}
"""A name -> the rule that finds it, the place, and what stands there: a value, or what is made of the one that did."""


def marred(place: str, mar: Any) -> Deployment:
    field, _, inside = place.partition("/")
    whole = getattr(deployment(), field)
    made: Mar = mar if callable(mar) else lambda _: mar
    changed = broken(whole, inside, made) if inside else made(whole)
    assert changed != whole
    return replace(deployment(), **{field: changed})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_in_the_files_for_deployments(rule: Rule) -> None:
    assert not list(rule(deployment()))


@pytest.mark.parametrize(("rule", "place", "mar"), BREAKS.values(), ids=BREAKS)
def test_the_rules_find(rule: Rule, place: str, mar: Any) -> None:
    assert list(rule(marred(place, mar)))


def test_every_rule_is_shown_to_bite() -> None:
    assert {rule for rule, *_ in BREAKS.values()} == set(RULES)
