"""What the admin leaves to a worker, because it takes long."""

from django.core.management import call_command
from django.tasks import task


@task()
def rebuild_readmodel(projection: str) -> None:
    """Build a new index of the projection; what goes wrong is the task's error."""
    call_command("rebuild_readmodel", projection)
