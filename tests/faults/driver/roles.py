"""The processes of the installation. The process that they are forked from loads this, and has no threads or sessions.

Each runs the real code of its command, in a process group of its own.
"""

import gc
import multiprocessing
import os
import runpy
import select
import sys
import time
from pathlib import Path

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

import httpx
from django.core.management import call_command
from django.urls import get_resolver

import config.asgi
import config.feed.views
import config.urls
import readmodel.management.commands.rebuild_readmodel
import readmodel.subscriber
import tickets.access
import tickets.webhooks.configuration
from events.management.commands import consume_events, relay_events
from readmodel.index import guarded_transport
from tests.faults.driver import steps
from tests.faults.driver.clocks import CLOCK
from tests.network.partitions import connect_from

LOADED = (
    config.asgi,
    config.feed.views,
    config.urls,
    consume_events,
    guarded_transport,
    httpx,
    readmodel.management.commands.rebuild_readmodel,
    readmodel.subscriber,
    relay_events,
    tickets.access,
    tickets.webhooks.configuration,
)
"""What a process would otherwise load after its start."""
get_resolver().reverse_dict  # noqa: B018 (this loads all views)
gc.freeze()  # A collection in a forked process would copy all of it.


def web(port: str) -> None:
    multiprocessing.set_start_method("fork", force=True)  # The worker is to have what is loaded here.
    sys.argv = ["server", "--interface", "asginl", "--port", port, "--workers-kill-timeout", "5"]
    sys.argv += ["--no-log", "config.asgi:application"]
    runpy.run_module("config.web.server", run_name="__main__", alter_sys=True)


def relay() -> None:
    call_command("relay_events", skip_checks=False)


def readmodel_consumer(name: str) -> None:
    call_command("consume_events", "readmodel", consumer=name, skip_checks=False)


def access_consumer(name: str) -> None:
    call_command("consume_events", "access", consumer=name, skip_checks=False)


def rebuild() -> None:
    call_command("rebuild_readmodel", skip_checks=False)


ROLES = {
    "web": web,
    "relay": relay,
    "readmodel": readmodel_consumer,
    "access": access_consumer,
    "rebuild": rebuild,
}


FAR = "FAULTS_FAR_PROGRAMS"
"""The programs on another host than the others, if there are several, and that host's address."""


def play(role: str, place: Path, *arguments: str) -> None:
    """Become a process of this role; its log, its clock and its steps are files at the place."""
    os.setsid()
    log = os.open(place.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if CLOCK in os.environ:
        os.environ[CLOCK] = str(place.with_suffix(".clock"))
        time.sleep = sleep
    host, *far = os.environ.get(FAR, "").split(",")
    if place.name in far:
        connect_from(host)
    steps.watch(role, place.with_suffix(".steps"))
    ROLES[role](*arguments)


def sleep(seconds: float) -> None:
    """Sleep as time.sleep does, which uses a system call that libfaketime answers wrongly (EINVAL)."""
    select.select([], [], [], max(seconds, 0))
