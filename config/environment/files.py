"""Files that stand for environment variables: one for each secret, and the file `env` of the data folder.

No message has a part of a file's content.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from events.texts.printable import printable

LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
LARGEST_SECRET = 100_000


def secret_in(path: str) -> str:
    """Return the content of a file without its last line break; raise ValueError with what is wrong."""
    content = _content(Path(path)).removesuffix("\n").removesuffix("\r")
    if not content.strip():
        raise ValueError(f"the file {path} is empty")
    if "\0" in content:
        raise ValueError(f"the file {path} has a zero byte")
    return content


def variables_in(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the variables of a file of lines NAME='value'; raise ValueError with the number of a line that is not."""
    if not file.exists():
        return
    for number, line in enumerate(_content(file).split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if not (match := LINE.fullmatch(line.rstrip("\r"))):
            raise ValueError(f"line {number} of {file} is not NAME='value': `manage.py up` writes this file")
        name, value = match.groups()
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        yield name, value[1:-1] if is_quoted else value


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_SECRET + 1)
        if len(content) > LARGEST_SECRET:
            raise ValueError(f"the file {file} is larger than {LARGEST_SECRET:,} bytes")
        return content.decode("utf-8-sig")  # Editors of Windows begin a file with a mark that is no part of it.
    except OSError as error:
        raise ValueError(f"the file {printable(str(file))} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {file} is not UTF-8 text") from None
