"""The argument that names a projection."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from readmodel.projection import Projection, projections


def add_projection(parser: ArgumentParser, *, default: str) -> None:
    text = f"the name of a projection in READMODEL_PROJECTIONS (default: {default})"
    parser.add_argument("projection", nargs="?", metavar="PROJECTION", help=text)


def projection_named(name: str) -> type[Projection]:
    """Return the projection; raise CommandError if there is none of this name."""
    by_name = {projection.name: projection for projection in projections()}
    if name not in by_name:
        raise CommandError(f"there is no projection {name!r}; the projections are {', '.join(by_name)}")
    return by_name[name]
