"""Pause, resume and stop the processes of consumer groups, by rows that they read every second."""

from collections.abc import Collection
from enum import StrEnum

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from events.database import atomic
from events.groups.members import is_seen
from events.groups.ownership import CONSUMING, PAUSED, STANDING_BY
from events.models import ConsumerGroup, Member


class GroupRequest(StrEnum):
    """A request of an operator to a group."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


def ask(request: GroupRequest, groups: Collection[str]) -> None:
    """Send the request to all processes of the groups, or to none; each finishes its current batch first.

    A pause lasts until the group is resumed, also for processes that start later. A stop ends only running processes.
    """
    asked = {"stop_requested_at": Now()} if request is GroupRequest.STOP else {"paused": request is GroupRequest.PAUSE}
    with atomic():
        ConsumerGroup.objects.bulk_create([ConsumerGroup(name=group) for group in groups], ignore_conflicts=True)
        ConsumerGroup.objects.filter(name__in=groups).update(**asked)


def unfinished_members(request: GroupRequest, groups: Collection[str]) -> QuerySet[Member]:
    """Return the living processes that have not fulfilled the request yet; a retrying one is not consuming."""
    living = living_members(groups)
    if request is GroupRequest.PAUSE:
        return living.exclude(state=PAUSED)
    if request is GroupRequest.RESUME:
        return living.exclude(state__in=[CONSUMING, STANDING_BY])
    asked = ConsumerGroup.objects.filter(name=OuterRef("group"))
    return living.filter(started_at__lt=Subquery(asked.values("stop_requested_at")))


def living_members(groups: Collection[str]) -> QuerySet[Member]:
    """Return the processes whose last heartbeat is not too old."""
    return Member.objects.filter(is_seen(), group__in=groups).order_by("group", "id")
