"""Settings of a release whose projection of the tickets is a changed one."""

from config.settings import *  # noqa: F403
from config.settings import READMODEL_PROJECTIONS

READMODEL_PROJECTIONS = ["benchmarks.readmodel.changed_projection.Capitals", *READMODEL_PROJECTIONS[1:]]
