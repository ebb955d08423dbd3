"""Read config/kubernetes, file by file: the tests need no kustomize."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from tests.containers.container import SERVERS, Container, default_command
from tests.processes import ROOT

type Resource = dict[str, Any]

FOLDER = ROOT / "config/kubernetes"
COMPONENT = "app.kubernetes.io/component"
WORKLOADS = ("Deployment", "Job")


@cache
def resources(folder: str) -> list[Resource]:
    """Return the resources of the files that a kustomization names; not those of other folders."""
    named = [name for name in kustomization(folder)["resources"] if name.endswith(".yaml")]
    return [found for name in named for found in yaml.load_all((FOLDER / folder / name).read_text(), yaml.CSafeLoader)]


@cache
def kustomization(folder: str) -> Resource:
    loaded: Resource = yaml.load((FOLDER / folder / "kustomization.yaml").read_text(), yaml.CSafeLoader)
    return loaded


def named(kind: str, folder: str = "base") -> dict[str, Resource]:
    return {found["metadata"]["name"]: found for found in resources(folder) if found["kind"] == kind}


def pods() -> dict[str, Resource]:
    """Return the pods' specifications by the names of their workloads."""
    return {name: found["spec"]["template"]["spec"] for kind in WORKLOADS for name, found in named(kind).items()}


def settings() -> dict[str, str]:
    """Return the variables of the production's ConfigMap."""
    generated = (generator for folder in ("base", "production") for generator in generators(folder, "configMap"))
    literals = (pair for generator in generated if generator["name"] != "nginx" for pair in generator["literals"])
    return dict(pair.split("=", 1) for pair in literals)


def generators(folder: str, kind: str) -> list[Resource]:
    return list(kustomization(folder).get(f"{kind}Generator", ()))


def containers() -> dict[str, Container]:
    """Return the containers of the image."""
    return {name: _container(name, pod) for name, pod in pods().items() if pod["containers"][0]["image"] == "tickets"}


def _container(name: str, pod: Resource) -> Container:
    (container,) = pod["containers"]
    return Container(
        name=name,
        command=tuple(container.get("command") or default_command()),
        environment=dict(_variables(container)),
        health=_command(container.get("livenessProbe", {})),
        grace_seconds=pod["terminationGracePeriodSeconds"] - pause_before_stop(container),
        reaches=frozenset(server for server in SERVERS if name in selected(named("NetworkPolicy")[server])),
        secrets=dict(_secrets(pod, container)),
    )


def pause_before_stop(container: Resource) -> float:
    """Return the seconds of the hook before SIGTERM, which count as grace."""
    return float(container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))


def selected(policy: Resource) -> list[str]:
    """Return the components to which a policy applies."""
    selector = policy["spec"]["podSelector"]
    return [
        *selector.get("matchLabels", {}).values(),
        *(value for expression in selector.get("matchExpressions", ()) for value in expression["values"]),
    ]


def _variables(container: Resource) -> Iterator[tuple[str, str]]:
    own = {variable["name"]: variable for variable in container.get("env", ())}
    shared = {name: value for name, value in settings().items() if not name.startswith("ACCESS_")}
    yield from shared.items()
    for name, variable in own.items():
        yield name, variable.get("value") or settings()[variable["valueFrom"]["configMapKeyRef"]["key"]]


def _secrets(pod: Resource, container: Resource) -> Iterator[tuple[str, str]]:
    (volume,) = (volume["secret"] for volume in pod["volumes"] if "secret" in volume)
    (mount,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets")
    for item in volume["items"]:
        yield f"{mount}/{item['path']}", item["key"]


def _command(probe: Resource) -> tuple[str, ...]:
    """Return the command of a probe, or one that does what kubelet does."""
    if "httpGet" in probe:
        url = f"http://127.0.0.1:8000{probe['httpGet']['path']}"
        return ("python", "-c", f"from urllib.request import urlopen; urlopen('{url}', timeout=4)")
    return tuple(probe["exec"]["command"]) if probe else ()
