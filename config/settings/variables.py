"""Open the environment; no other module reads it.

`manage.py up` writes the URLs of the servers that it starts to the file `env` in the data folder. Real environment
variables take precedence over that file.
"""

import os
from pathlib import Path

from config.environment.files import variables_in
from config.environment.sections import Section
from config.environment.variables import Environment

BASE_DIR = Path(__file__).resolve().parents[2]

# A copy. What the file below adds is not passed on to child processes.
environment = Environment(os.environ)
DATA_DIR = Path(
    Section(environment, "Basics").text(
        "DATA_DIR",
        default=str(BASE_DIR / ".data"),
        default_is="`.data` in the project's folder",
        meaning="the data folder of `up`; other commands find there what runs, so set it to what `up --data` names",
        example="/var/lib/tickets",
    )
).resolve()
ENV_FILE = DATA_DIR / "env"
try:
    environment.add(variables_in(ENV_FILE))
except ValueError as error:
    environment.wrong["DATA_DIR"] = str(error)
