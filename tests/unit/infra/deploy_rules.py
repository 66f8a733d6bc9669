"""What no schema knows of the files of infra/deploy: that they fit one another, the program, and the image.

A rule takes the files and tells what does not fit, a line each.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from connectors.kafka.security import (
    CA,
    CERTIFICATE,
    FILE_SUFFIX,
    KEY,
    KEY_PASSWORD,
    MECHANISM,
    PASSWORD,
    PROTOCOL,
    SECRETS,
    USER,
    SecurityRefused,
    security_from,
    variable,
)
from infra.deploy import health
from infra.deploy.manifests import KAFKA
from infra.kafka.jars import kafka_version, read_lock
from infra.kafka.settings import FIXED, properties
from schemas.topics import TOPICS
from streams.web.contract import CONTRACT
from streams.web.guard import TOKEN_CHARACTERS
from tests.tidy.source import ROOT
from tests.tidy.source import files as files_of_the_project
from tests.unit.infra.deployment import DEPLOY, Deployment, Resource

Rule = Callable[[Deployment], Iterator[str]]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGE = f"{PROJECT['name']}:{PROJECT['version']}"
CONFIGURATION = PurePosixPath("/etc/watchbill")
TOKEN = "WATCHBILL_WEB_TOKEN"
SECURITY = (PROTOCOL, MECHANISM, USER, PASSWORD, KEY_PASSWORD, CA, CERTIFICATE, KEY)
NODES = ("b0", "b1", "b2")
PROGRAM = ("streams", "connectors", "infra")
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""A name that Kubernetes takes for a resource (RFC 1123)."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "spec/podManagementPolicy": ("OrderedReady", "Parallel"),
    "spec/template/spec/topologySpreadConstraints/0/whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    "spec/template/spec/securityContext/seccompProfile/type": ("RuntimeDefault", "Localhost"),
    "spec/template/spec/volumes/3/emptyDir/medium": ("", "Memory"),
}
"""Where Kubernetes takes some words only, and its schema says no more than that they are text."""


def selectors_find_the_pods(files: Deployment) -> Iterator[str]:
    selectors = {
        "the Service": files.service["spec"]["selector"],
        "the PodDisruptionBudget": files.budget["spec"]["selector"]["matchLabels"],
        "the StatefulSet": files.nodes["spec"]["selector"]["matchLabels"],
        "the spread": files.pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    }
    for whose, selector in selectors.items():
        if not selector or not selector.items() <= files.labels.items():
            yield f"{whose} selects {selector}, and the pods are labelled {files.labels}"


def names_are_names_of_kubernetes(files: Deployment) -> Iterator[str]:
    resources = [files.service, files.budget, files.nodes, *files.topics, *files.users]
    names = [(one["kind"], one["metadata"]["name"]) for one in resources]
    for kind, name in names:
        if not SUBDOMAIN.fullmatch(name):
            yield f"{kind} {name} is no name"
    if len(set(names)) < len(names):
        yield "two resources of one kind have one name"
    if files.nodes["spec"]["serviceName"] != files.service["metadata"]["name"]:
        yield "the StatefulSet's Service is another"
    if files.service["spec"]["clusterIP"] != "None":
        yield "the Service gives the pods no names of their own"


def words_are_those_of_kubernetes(files: Deployment) -> Iterator[str]:
    for place, words in WORDS.items():
        inside: Any = files.nodes
        for part in place.split("/"):
            inside = inside[int(part) if part.isdigit() else part]
        if inside not in words:
            yield f"{place} is {inside}, not one of {', '.join(words)}"


def one_node_may_be_away(files: Deployment) -> Iterator[str]:
    away, replicas = files.budget["spec"]["maxUnavailable"], files.nodes["spec"]["replicas"]
    if not 0 < away < replicas:
        yield f"{away} of {replicas} nodes may be away"


def ports_lead_to_the_web(files: Deployment) -> Iterator[str]:
    opened = {port["containerPort"] for port in files.node["ports"]}
    named = {port["name"]: port["containerPort"] for port in files.node["ports"]}
    for port in files.service["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        if named.get(target, target) not in opened:
            yield f"the Service's port {target} is not open in the pods"
    if opened != {_web_port(files.node["args"])}:
        yield f"the pods open {opened}, and the node serves {_web_port(files.node['args'])}"
    for name in NODES:
        for port in files.services[name].get("ports", ()):
            if int(port.rpartition(":")[2]) != _web_port(files.services[name]["command"]):
                yield f"{name} publishes {port}, where it serves nothing"
    if f"--web-name={files.service['metadata']['name']}" not in files.node["args"]:
        yield "the nodes refuse whoever calls them by the Service's name"


def probes_ask_a_page_that_there_is(files: Deployment) -> Iterator[str]:
    if health.PAGE not in CONTRACT:
        yield f"no node has a page {health.PAGE}"
    asked = {"the pods": (files.node["readinessProbe"]["exec"]["command"], files.node["args"])}
    patience = {"the pods": files.node["readinessProbe"]["timeoutSeconds"]}
    for name in NODES:
        first, *command = files.services[name]["healthcheck"]["test"]
        asked[name] = (command if first == "CMD" else [first, *command], files.services[name]["command"])
        patience[name] = int(files.services[name]["healthcheck"]["timeout"].removesuffix("s"))
    for whose, (command, words) in asked.items():
        if command[:2] != ["python", "-m"] or command[2] != health.__name__ or find_spec(command[2]) is None:
            yield f"the probe of {whose} is {command}"
        address = command[3] if len(command) > 3 else health.DEFAULT
        if int(address.rpartition(":")[2]) != _web_port(words):
            yield f"the probe of {whose} asks {address}, where the node serves nothing"
        if patience[whose] <= health.ANSWER_S:
            yield f"the probe of {whose} is ended before it has told why"


def variables_are_read(files: Deployment) -> Iterator[str]:
    unit = (DEPLOY / "systemd" / "watchbill-node@.service").read_text(encoding="utf-8")
    given = {
        "the pods": [one["name"] for one in files.node["env"]],
        "the unit": re.findall(r"WATCHBILL_\w*[A-Z]", unit),
    }
    for name in ("topics", *NODES):
        given[name] = list(files.services[name].get("environment", ()))
    used = set(re.findall(r"\$\((\w+)\)", " ".join(files.node["args"])))
    for whose, names in given.items():
        for name in names:
            if name not in _read_variables() | (used if whose == "the pods" else set()):
                yield f"nothing reads {name} of {whose}"
    for name in used - set(given["the pods"]):
        yield f"an argument holds $({name}), which no variable is"
    for whose in ("the pods", *NODES):
        if TOKEN not in given[whose]:
            yield f"{whose} serve other machines, and have no token"


def the_token_asked_for_is_long_enough(files: Deployment) -> Iterator[str]:
    for name in NODES:
        asked = str(files.services[name]["environment"][TOKEN])
        if f"{TOKEN_CHARACTERS} or more" not in asked:
            yield f"{name} asks for {asked}, and a token has {TOKEN_CHARACTERS} characters"


def mounts_are_of_volumes(files: Deployment) -> Iterator[str]:
    volumes = {one["name"] for one in files.pod["spec"]["volumes"]}
    mounted = {one["name"]: PurePosixPath(one["mountPath"]) for one in files.node["volumeMounts"]}
    for name in volumes ^ set(mounted):
        yield f"the pods' volume {name} is not there, or is not mounted"
    values = [str(one.get("value", "")) for one in files.node["env"]]
    values += [word.partition("=")[2] for word in files.node["args"]]
    for path in (PurePosixPath(value) for value in values if value.startswith("/")):
        if not any(path.is_relative_to(place) for place in mounted.values()):
            yield f"nothing is mounted where {path} is looked for"
    declared = set(files.compose.get("volumes", ()))
    used = {one.partition(":")[0] for service in files.services.values() for one in service.get("volumes", ())}
    for name in declared ^ used:
        yield f"Compose's volume {name} is not declared, or is not mounted"
    kafka = {one.partition(":")[2] for one in files.services["kafka"]["volumes"]}
    if files.services["kafka"]["environment"]["KAFKA_LOG_DIRS"] not in kafka:
        yield "Kafka writes its log beside its volume"


def a_root_that_is_read_only_has_a_tmp(files: Deployment) -> Iterator[str]:
    empty = {one["name"] for one in files.pod["spec"]["volumes"] if "emptyDir" in one}
    written = {one["mountPath"] for one in files.node["volumeMounts"] if one["name"] in empty}
    if files.node["securityContext"]["readOnlyRootFilesystem"] and "/tmp" not in written:
        yield "the pods have no /tmp to write to"
    for name in NODES:
        if files.services[name].get("read_only") and "/tmp" not in files.services[name].get("tmpfs", ()):
            yield f"{name} has no /tmp to write to"


def nothing_runs_as_root(files: Deployment) -> Iterator[str]:
    last = files.dockerfile.rpartition("\nFROM ")[2]
    user = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    made = re.findall(r"useradd .*--uid (\d+) .*?(\S+)$", last, re.MULTILINE)
    if not user or user[-1] not in {name for _, name in made} or "0" in {uid for uid, _ in made}:
        yield f"the image runs as {user or 'root'}, and makes {made}"
    context = {**files.pod["spec"]["securityContext"], **files.node["securityContext"]}
    if not context.get("runAsNonRoot") or str(context.get("runAsUser")) not in {uid for uid, _ in made}:
        yield f"the pods run as {context.get('runAsUser')}, and the image has {made}"
    if not context.get("fsGroup"):
        yield "the pods cannot read their secrets, which are root's and their group's"
    for name in ("topics", *NODES):
        if "user" in files.services[name] or files.services[name].get("privileged"):
            yield f"{name} does not run as the image's user"


def pings_need_no_right(files: Deployment) -> Iterator[str]:
    [ours] = files.pod["spec"]["securityContext"]["sysctls"]
    settings = {"the pods": {ours["name"]: ours["value"]}, **{name: files.services[name]["sysctls"] for name in NODES}}
    for whose, setting in settings.items():
        first, last = (int(word) for word in setting["net.ipv4.ping_group_range"].split())
        if not first <= files.pod["spec"]["securityContext"]["runAsGroup"] <= last:
            yield f"{whose} may not ping"


def the_image_is_the_one_that_is_built(files: Deployment) -> Iterator[str]:
    used = {"the pods": files.node["image"], **{name: files.services[name]["image"] for name in ("topics", *NODES)}}
    for whose, image in used.items():
        if image != IMAGE:
            yield f"{whose} run {image}, and this is {IMAGE}"
    manifests = (DEPLOY / "kubernetes" / "nodes.yaml").read_text(encoding="utf-8")
    for where, text in (("Dockerfile", files.dockerfile), ("operations.md", files.page), ("nodes.yaml", manifests)):
        for name in re.findall(r"docker build -t (\S+)", text) or ["nothing"]:
            if name != IMAGE:
                yield f"{where} has a person build {name}, and the manifests run {IMAGE}"
    built = [service for service in files.services.values() if service["image"] == IMAGE and "build" in service]
    if len(built) != 1 or not (DEPLOY / built[0]["build"]["context"] / "Dockerfile").is_file():
        yield "Compose does not build the image once, from the Dockerfile"


def the_login_is_the_operators(files: Deployment) -> Iterator[str]:
    """Strimzi names a cluster's address and its Secrets after the Kafka resource, and a user's after the KafkaUser."""
    given = {one["name"]: str(one.get("value", "")) for one in files.node["env"]}
    sources_of = {one["name"]: one["secret"]["secretName"] for one in files.pod["spec"]["volumes"] if "secret" in one}
    mounted = {one["mountPath"]: sources_of.get(one["name"]) for one in files.node["volumeMounts"]}
    users = {one["metadata"]["name"]: one["spec"]["authentication"]["type"] for one in files.users}
    user = given[variable(USER)]
    if user not in users or users[user].upper() != given[variable(MECHANISM)]:
        yield f"no KafkaUser {user} logs in by {given[variable(MECHANISM)]}"
    files_of = {
        variable(PASSWORD) + "_FILE": (user, "password"),
        variable(CA): (f"{KAFKA}-cluster-ca-cert", "ca.crt"),
    }
    for name, (secret, key) in files_of.items():
        path = PurePosixPath(given[name])
        if (mounted.get(str(path.parent)), path.name) != (secret, key):
            yield f"{name} is {path}, and the operator writes {key} of the Secret {secret}"
    if f"--bootstrap={KAFKA}-kafka-bootstrap:9093" not in files.node["args"]:
        yield "the nodes ask another Kafka than the operator's"
    for resource in (*files.topics, *files.users):
        if resource["metadata"]["labels"].get("strimzi.io/cluster") != KAFKA:
            yield f"the operator of {KAFKA} passes {resource['metadata']['name']} over"


def the_login_contradicts_nothing(files: Deployment) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        given = {}
        for one in files.node["env"]:
            value = str(one.get("value", "a value that is secret"))
            if value.startswith("/"):
                value = f"{folder}/{PurePosixPath(value).name}"
                Path(value).write_text("a secret", encoding="utf-8")
            given[one["name"]] = value
        try:
            security_from(given)
        except SecurityRefused as refusal:
            yield str(refusal)


def compose_knows_its_services(files: Deployment) -> Iterator[str]:
    kafka = files.services["kafka"]["environment"]
    told = {one.partition("://")[2] for one in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")}
    open_ports = {one.rpartition(":")[2] for one in kafka["KAFKA_LISTENERS"].split(",")}
    asked = {name: files.services[name]["environment"]["WATCHBILL_BOOTSTRAP"] for name in NODES}
    words = files.services["topics"]["command"]
    asked |= {"topics": words[words.index("--bootstrap") + 1], "Kafka's voter": _voter(kafka)}
    told |= {_voter(kafka)}
    for whose, address in {**asked, **{f"Kafka, to clients, {one}": one for one in told}}.items():
        host, _, port = address.rpartition(":")
        if host not in files.services or port not in open_ports or address not in told:
            yield f"{whose}: {address} is no listener of a service"
    for name, service in files.services.items():
        for needed in set(service.get("depends_on", ())) - set(files.services):
            yield f"{name} waits for {needed}, which is no service"


def composes_kafka_is_the_one_that_is_tried(files: Deployment) -> Iterator[str]:
    """Its settings are those of our own broker, so that a name misspelt cannot pass: Kafka only warns of it."""
    kafka = files.services["kafka"]
    version = kafka_version(read_lock())
    if kafka["image"] != f"apache/kafka:{version}":
        yield f"Compose runs {kafka['image']}, and the tests run on {version}"
    known = properties(Path(), 0, 0, {})
    for name, value in kafka["environment"].items():
        setting = name.removeprefix("KAFKA_").lower().replace("_", ".")
        if setting not in known or FIXED.get(setting, str(value)) != str(value):
            yield f"{name}={value} is no setting that the tests run with"
    largest = max(int(topic.kafka_settings()["max.message.bytes"]) for topic in TOPICS)
    if int(kafka["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) < largest:
        yield f"Compose's Kafka takes less than a record of {largest} bytes"


def nodes_have_time_to_hand_over(files: Deployment) -> Iterator[str]:
    unit = (DEPLOY / "systemd" / "watchbill-node@.service").read_text(encoding="utf-8")
    times = {
        "the pods": files.pod["spec"]["terminationGracePeriodSeconds"],
        "the unit": int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]),
        **{name: int(files.services[name]["stop_grace_period"].removesuffix("s")) for name in NODES},
    }
    if len(set(times.values())) > 1:
        yield f"the time to hand over differs: {times}"


RULES: tuple[Rule, ...] = (
    selectors_find_the_pods,
    names_are_names_of_kubernetes,
    words_are_those_of_kubernetes,
    one_node_may_be_away,
    ports_lead_to_the_web,
    probes_ask_a_page_that_there_is,
    variables_are_read,
    the_token_asked_for_is_long_enough,
    mounts_are_of_volumes,
    a_root_that_is_read_only_has_a_tmp,
    nothing_runs_as_root,
    pings_need_no_right,
    the_image_is_the_one_that_is_built,
    the_login_is_the_operators,
    the_login_contradicts_nothing,
    compose_knows_its_services,
    composes_kafka_is_the_one_that_is_tried,
    nodes_have_time_to_hand_over,
)


@cache
def _read_variables() -> frozenset[str]:
    """Variables that the program reads: options', those asked of the environment by name, and Kafka's."""
    read = {variable(name) for name in SECURITY} | {variable(name + FILE_SUFFIX) for name in SECRETS}
    for path in files_of_the_project():
        text = (ROOT / path).read_text(encoding="utf-8") if path.parts[0] in PROGRAM and path.suffix == ".py" else ""
        for call in ast.walk(ast.parse(text if "WATCHBILL_" in text else "")):
            if isinstance(call, ast.Call):
                asked = [word.value for word in call.keywords if word.arg == "envvar"]
                names = {str(each.value) for each in asked if isinstance(each, ast.Constant)}
                if ast.unparse(call.func) in ("os.environ.get", "environment.get"):
                    names |= {str(each.value) for each in call.args[:1] if isinstance(each, ast.Constant)}
                elif ast.unparse(call.func) == "_token":
                    names |= {f"{each.value}{end}" for each in call.args for end in ("", "_FILE")}  # type: ignore[attr-defined]
                read |= names
    return frozenset(read)


def _web_port(words: list[str]) -> int:
    line = " ".join(words).replace("--web=", "--web ")
    [port] = re.findall(r"--web \S+:(\d+)", line)
    return int(port)


def _voter(kafka: Resource) -> str:
    return str(kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"]).partition("@")[2]
