"""Write the requirements on standard input to pyproject.toml, as `[tool.uv] constraint-dependencies`."""

import re
import sys
from pathlib import Path

PYPROJECT = Path("pyproject.toml")
PINS = re.compile(r"constraint-dependencies = \[\n(.*\n)*?\]\n")


def main() -> None:
    requirements = sorted(line.strip() for line in sys.stdin if line.strip())
    pins = "".join(f"    {quoted(requirement)},\n" for requirement in requirements)
    text, replaced = PINS.subn(f"constraint-dependencies = [\n{pins}]\n", PYPROJECT.read_text())
    if replaced != 1:
        sys.exit(f"{PYPROJECT} has no `constraint-dependencies = [` list to write to")
    PYPROJECT.write_text(text)


def quoted(requirement: str) -> str:
    """Return a TOML string; environment markers have quotes of their own."""
    return f'"{requirement.replace('"', "'")}"'


if __name__ == "__main__":
    main()
