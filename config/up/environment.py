"""Keep the secrets of a data folder, and its file `env`, from which other commands learn the servers' addresses."""

import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.supervisord.errors import CannotStart
from config.supervisord.private import kept, write_private
from config.supervisord.supervisor import is_owned
from tickets.webhooks.signing import new_secret


def secret_key(data: Path) -> str:
    """Return the SECRET_KEY of a data folder; the first start creates it."""
    return kept(data / "secret_key", lambda: secrets.token_urlsafe(50))


def webhook_secret(data: Path) -> str:
    """Return the secret that signs messages to the access system; the first start creates it."""
    return kept(data / "webhook_secret", new_secret)


@contextmanager
def published(data: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Write the variables to the file that config/settings/variables.py reads, until the block ends."""
    file = data / "env"
    write_private(file, "".join(f"{name}='{value}'\n" for name, value in variables.items()))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def exports(data: Path) -> str:
    """Return the published variables as lines for a shell; raise CannotStart if no `up` runs on the folder."""
    file = data / "env"
    if not is_owned(data) or not file.exists():
        raise CannotStart(
            f"no servers run on {data}: start them with `manage.py up`, or name their folder (--data DIR)"
        )
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return "\n".join(f"export {name}={shlex.quote(value[1:-1])}" for name, _, value in pairs)
