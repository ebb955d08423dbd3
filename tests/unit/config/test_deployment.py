"""Test that the files for supervisord agree with the rest of the project."""

import platform
import re
from collections import Counter
from pathlib import Path
from typing import Any

from supervisor.datatypes import RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.options import ServerOptions

from config.up.running import METRICS_PORTS

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
        assert program.autorestart is (
            RestartUnconditionally if program.name == "keeper" else RestartWhenExitUnexpected
        )
        assert 0 not in program.exitcodes or program.name == "keeper"  # It is started again at its limits too.
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
