"""The living processes of the groups, and the owner of each partition."""

from collections import defaultdict
from datetime import datetime

import msgspec
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from events.models import ConsumerGroup, Lease, Member
from events.models.groups import MEMBER_STATES


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A process that owns a partition, or did until its lease expired."""

    member: str
    is_expired: bool
    state: str
    """The state of the process, "" if it is gone."""
    error: str
    """Why it is retrying."""
    retry_at: datetime | None
    silent_seconds: float
    """How long its handler has made no progress; 0 while none is called."""

    @property
    def state_in_words(self) -> str:
        return str(MEMBER_STATES.get(self.state, self.state))


class GroupMembers(msgspec.Struct, kw_only=True):
    """The living processes of a group, and the owners of its partitions, by partition."""

    is_paused: bool = False
    living: list[Member] = msgspec.field(default_factory=list)
    """All that were seen lately, also those that are not well."""
    owners: dict[int, Owner] = msgspec.field(default_factory=dict)

    @property
    def idle(self) -> list[Member]:
        """Return the living processes that own no partition."""
        busy = {owner.member for owner in self.owners.values()}
        return [member for member in self.living if member.id not in busy]


def is_seen() -> Q:
    """Return the condition for members whose last heartbeat is not too old, whether they are well or not."""
    return Q(seen_until__gte=Now()) | Q(alive_until__gte=Now())  # Earlier releases write only the second.


def members_of_groups() -> defaultdict[str, GroupMembers]:
    """Return the members of all groups, by group."""
    groups: defaultdict[str, GroupMembers] = defaultdict(GroupMembers)
    for name in ConsumerGroup.objects.filter(paused=True).values_list("name", flat=True):
        groups[name].is_paused = True
    living = {member.id: member for member in Member.objects.filter(is_seen()).order_by("group", "id")}
    for member in living.values():
        groups[member.group].living.append(member)
    is_expired = ExpressionWrapper(Q(expires_at__lt=Now()), output_field=BooleanField())
    for lease in Lease.objects.exclude(member="").annotate(is_expired=is_expired):
        owner = living.get(lease.member)
        groups[lease.group].owners[lease.partition] = Owner(
            member=lease.member,
            is_expired=lease.is_expired,
            state=owner.state if owner else "",
            error=owner.error if owner else "",
            retry_at=owner.retry_at if owner else None,
            silent_seconds=owner.silent_seconds if owner else 0.0,
        )
    return groups
