"""config/kubernetes is valid, its parts fit together, its pods are restricted, and it agrees with Docker."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.containers import compose, kubernetes
from tests.containers.kubernetes import (
    COMPONENT,
    FOLDER,
    generators,
    kustomization,
    named,
    pause_before_stop,
    pods,
    resources,
    selected,
    settings,
)

OLDEST_VERSION = "1.34"
"""Whose pods sleep before they stop, without a shell for it."""
OF_OPERATORS = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
"""Whose schemas are not Kubernetes's own."""
FOLDERS = ("base", "production", "autoscaling", "monitoring")
END_SECONDS = 5
"""What a process may need to end after its last answer."""


def containers() -> dict[str, dict[str, Any]]:
    """Return the only container of each pod."""
    return {name: container for name, pod in pods().items() for container in pod["containers"]}


def labels() -> set[str]:
    return {
        found["spec"]["template"]["metadata"]["labels"][COMPONENT]
        for kind in kubernetes.WORKLOADS
        for found in named(kind).values()
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_resource_is_what_its_schema_allows(folder: str) -> None:
    found = [resource for resource in resources(folder) if resource["apiVersion"] not in OF_OPERATORS]

    for resource in found:
        kubernetes_validate.validate(resource, OLDEST_VERSION, strict=True)
    assert found or folder in {"autoscaling", "monitoring"}


def test_each_file_is_used() -> None:
    for folder in FOLDERS:
        used = {*kustomization(folder)["resources"], "kustomization.yaml"}
        used |= {patch["path"] for patch in kustomization(folder).get("patches", ()) if "path" in patch}

        assert {path.name for path in (FOLDER / folder).glob("*.yaml")} <= used, folder


def test_kubernetes_runs_the_processes_of_docker_with_their_commands_settings_and_servers() -> None:
    by_docker = compose.containers()
    found = kubernetes.containers()
    only_docker = {"CSRF_TRUSTED_ORIGINS", "HTTPS_ONLY", "LOG_LEVEL", "ACCESS_SYSTEM_ALLOW_PRIVATE"}

    assert found.keys() == by_docker.keys()
    for name, container in found.items():
        other = by_docker[name]
        assert (container.command, container.health) == (other.command, other.health)
        assert (container.reaches, container.grace_seconds) == (other.reaches, other.grace_seconds)
        assert {*container.secrets.values()} == {*other.secrets.values()}
        assert container.environment.keys() - {"EVENTS_PARTITIONS"} == other.environment.keys() - only_docker


@pytest.mark.parametrize("name", pods())
def test_a_pod_meets_the_restricted_standard(name: str) -> None:
    pod, container = pods()[name], containers()[name]
    security = container["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {*pod} & {"hostNetwork", "hostPID", "hostIPC"} == set()
    assert {kind for volume in pod["volumes"] for kind in volume} <= {
        "name", "secret", "configMap", "emptyDir", "persistentVolumeClaim"
    }  # fmt: skip


@pytest.mark.parametrize("name", pods())
def test_a_pod_has_bounds_and_no_access_to_kubernetes(name: str) -> None:
    pod, container = pods()[name], containers()[name]

    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] in named("ServiceAccount")
    assert pod["enableServiceLinks"] is False  # They would be variables, which may resemble settings.
    assert container["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
    assert container["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}


@pytest.mark.parametrize("name", pods())
def test_each_volume_is_mounted_and_there(name: str) -> None:
    pod, container = pods()[name], containers()[name]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claims = {
        volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values() if "persistentVolumeClaim" in volume
    }

    assert [mount["name"] for mount in container["volumeMounts"]] == list(volumes)
    assert claims <= named("PersistentVolumeClaim").keys()
    assert ("forgotten" in claims) is (name != "proxy")


def test_all_pods_share_the_list_of_forgotten_persons() -> None:
    assert named("PersistentVolumeClaim")["forgotten"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert settings()["EVENTS_FORGOTTEN_FILE"] == "/forgotten/list"


@pytest.mark.parametrize("name", kubernetes.containers())
def test_a_pod_reads_the_secrets_that_it_mounts_and_production_makes_them(name: str) -> None:
    container = kubernetes.containers()[name]
    read = {value for key, value in container.environment.items() if key.endswith("_FILE") and "/secrets/" in value}
    (made,) = (generator["files"] for generator in generators("production", "secret") if generator["name"] == "tickets")

    assert read == container.secrets.keys()
    assert {f"secrets/{secret}" for secret in container.secrets.values()} <= {*made}


def test_each_configuration_is_made_and_each_selector_selects() -> None:
    made = {generator["name"] for folder in ("base", "production") for generator in generators(folder, "configMap")}
    text = yaml.safe_dump_all(resources("base"))
    used = re.findall(r"config(?:MapRef|MapKeyRef|Map):\n(?:\s+key: \S+\n)?\s+name: (\w+)", text)

    assert {*used} == {"settings", "access", "nginx"} == made | {"nginx"}
    for kind in ("Service", "PodDisruptionBudget"):
        for name, found in named(kind).items():
            assert {*_selector(found).values()} == {name} <= labels()
    for policy in named("NetworkPolicy").values():
        assert {*selected(policy)} <= labels()
    for name, found in named("Deployment").items():
        spec = found["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == {COMPONENT: name}


def _selector(found: dict[str, Any]) -> dict[str, str]:
    selector: dict[str, Any] = found["spec"]["selector"]
    return dict(selector.get("matchLabels", selector))


def test_services_ingress_and_monitor_name_ports_that_there_are() -> None:
    ports = {name: [port["name"] for port in containers()[name].get("ports", ())] for name in pods()}
    (ingress,) = named("Ingress", "production").values()
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    (monitor,) = named("ServiceMonitor", "monitoring").values()

    for name, found in named("Service").items():
        assert [port["targetPort"] for port in found["spec"]["ports"]] == ports[name]
    assert path["backend"]["service"] == {"name": "proxy", "port": {"name": "http"}}
    assert monitor["spec"]["selector"]["matchLabels"] == named("Service")["web"]["metadata"]["labels"]
    assert named("Service")["web"]["spec"]["ports"][0]["port"] == 8000  # config/nginx/nginx.conf names it.
    assert rule["host"] == settings()["ALLOWED_HOSTS"]


def test_prometheus_asks_each_process() -> None:
    monitors = named("PodMonitor", "monitoring").values()
    asked = {found["spec"]["selector"]["matchLabels"][COMPONENT]: found["spec"] for found in monitors}

    assert asked.keys() == {*selected(named("NetworkPolicy")["metrics"])}
    for name, spec in asked.items():
        (endpoint,) = spec["podMetricsEndpoints"]
        (port,) = containers()[name]["ports"]
        assert (endpoint["port"], str(port["containerPort"])) == (port["name"], settings()["METRICS_PORT"])


def test_what_scales_names_deployments_and_their_replicas_are_not_set_twice() -> None:
    (scaled,) = named("ScaledObject", "autoscaling").values()
    (autoscaler,) = named("HorizontalPodAutoscaler").values()
    (patch,) = kustomization("autoscaling")["patches"]

    assert "replicas" not in named("Deployment")[autoscaler["spec"]["scaleTargetRef"]["name"]]["spec"]
    assert patch["target"]["name"] == scaled["spec"]["scaleTargetRef"]["name"] == "consumer-readmodel"
    assert "op: remove\n  path: /spec/replicas" in patch["patch"]
    # More consumers than partitions stand by.
    assert scaled["spec"]["maxReplicaCount"] <= int(settings()["EVENTS_PARTITIONS"])


@pytest.mark.parametrize("name", named("Deployment"))
def test_a_release_and_a_node_that_is_drained_take_no_process_away_before_its_successor_is_there(name: str) -> None:
    spec = named("Deployment")[name]["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert named("PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1
    assert spec.get("replicas", 2) == 2


@pytest.mark.parametrize("name", named("Deployment"))
def test_a_pod_says_when_it_has_begun_and_whether_it_goes_on(name: str) -> None:
    container = containers()[name]

    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 30
    assert "livenessProbe" in container
    assert ("readinessProbe" in container) is (name in named("Service"))


def test_the_web_server_is_asked_whether_it_lives_and_whether_it_can_serve() -> None:
    web = containers()["web"]

    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("name", ["web", "proxy"])
def test_no_request_is_lost_when_a_pod_stops(name: str) -> None:
    command = kubernetes.containers()["web"].command
    drain_seconds = int(command[command.index("--workers-kill-timeout") + 1])
    pause = pause_before_stop(containers()[name])

    assert pause >= 5  # Until no new connection is sent there.
    assert pods()[name]["terminationGracePeriodSeconds"] >= pause + drain_seconds + END_SECONDS


def test_docker_waits_for_the_last_answers_too() -> None:
    web = compose.containers()["web"]

    drain_seconds = int(web.command[web.command.index("--workers-kill-timeout") + 1])
    assert web.grace_seconds >= drain_seconds + END_SECONDS


def test_nobody_talks_to_anybody_but_those_that_a_policy_names() -> None:
    policies = named("NetworkPolicy")

    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {name: selected(policy) for name, policy in policies.items() if policy["spec"].get("ingress")} == {
        "proxy": ["proxy"],
        "web": ["web"],
        "metrics": ["relay", "consumer-readmodel", "consumer-access", "worker"],
    }
    assert selected(policies["access-system"]) == ["consumer-access"]


def test_production_narrows_each_server_down_to_its_addresses() -> None:
    patched = {
        found["metadata"]["name"]: found["spec"]["egress"][0]
        for found in yaml.load_all((FOLDER / "production/servers.yaml").read_text(), yaml.CSafeLoader)
    }

    assert patched.keys() == {"database", "stream", "search"}
    for name, egress in patched.items():
        assert egress["ports"] == named("NetworkPolicy")[name]["spec"]["egress"][0]["ports"]
        assert [*egress["to"][0]] == ["ipBlock"]


def test_production_enforces_the_restricted_standard() -> None:
    (namespace,) = named("Namespace", "production").values()

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert kustomization("production")["namespace"] == namespace["metadata"]["name"]


def images() -> Iterator[str]:
    yield from (container["image"] for container in containers().values())


def test_images_are_those_of_docker_in_exact_versions() -> None:
    (image,) = kustomization("production")["images"]

    assert {*images()} == {"tickets", compose.services()["proxy"]["image"]}
    assert image["name"] == "tickets"
    assert re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"])
