"""Convert jobs and their refusals to JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.api.parameters import DEFAULT_LIMIT, MOST_TICKETS, LimitField
from tickets.api.problem_details import problem
from tickets.api.serializers import EXAMPLE_ID
from tickets.jobs.actions import ACTIONS
from tickets.models import Job, JobItem, JobState

SHOWN = {
    "id": EXAMPLE_ID,
    "action": "cancel",
    "state": "running",
    "reason": "The show is called off",
    "replace": False,
    "total": 1500,
    "done": 700,
    "refused": 3,
    "asked_at": "2027-03-01T09:30:00Z",
    "finished_at": None,
}
STATES = [JobState.WAITING, JobState.RUNNING, JobState.FINISHED, JobState.STOPPED]


@extend_schema_serializer(examples=[OpenApiExample("A job", SHOWN, response_only=True)])
class JobSerializer(serializers.ModelSerializer[Job]):
    """A change of many tickets, and how far it is: `done` and `refused` of `total`."""

    action = serializers.ChoiceField(source="kind", choices=list(ACTIONS), help_text="What is done with each ticket.")
    state = serializers.ChoiceField(
        choices=STATES,
        help_text="`waiting` for the worker, `running`, `finished`, or `stopped` before its end.",
    )
    asked_at = serializers.DateTimeField(source="created_at", help_text="When the job was asked for.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When the job was finished or stopped.")

    class Meta:
        model = Job
        fields = [*SHOWN]
        read_only_fields = fields


class JobListSerializer(serializers.Serializer[Any]):
    """A page of jobs, the newest first."""

    results = JobSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Whether there are more jobs in the direction of the request.")
    next = serializers.URLField(allow_null=True, help_text="The address of the jobs after these.")
    previous = serializers.URLField(allow_null=True, help_text="The address of the jobs before these.")


class JobRefusalSerializer(serializers.Serializer[JobItem]):
    """A ticket that was not changed, and the problem that a request for it alone would have been answered with."""

    ticket = serializers.UUIDField(source="ticket_id", help_text="The ticket's id.")
    type = serializers.CharField(help_text="As in problems; `about:blank` means that the status says it all.")
    title = serializers.CharField()
    status = serializers.IntegerField(help_text="The HTTP status that goes with it.")
    detail = serializers.CharField(help_text="Why, for people.")
    checked_in_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it was used before.")
    device = serializers.CharField(required=False, help_text="By which device it was used before.")
    canceled_at = serializers.DateTimeField(required=False, help_text="When it was cancelled.")

    def to_representation(self, instance: JobItem) -> dict[str, Any]:
        told = problem(instance.status or 0, instance.detail, kind=instance.kind, **instance.facts)
        return {"ticket": str(instance.ticket_id), **told}


class JobRefusalListSerializer(serializers.Serializer[Any]):
    """A page of the tickets that were not changed, in the order of the job."""

    results = JobRefusalSerializer(many=True)
    has_more = serializers.BooleanField(help_text="Whether there are more refusals in the direction of the request.")
    next = serializers.URLField(allow_null=True, help_text="The address of the refusals after these.")
    previous = serializers.URLField(allow_null=True, help_text="The address of the refusals before these.")


class PageParameters(serializers.Serializer[Any]):
    """Where a page begins or ends, and how long it is."""

    limit = LimitField(min_value=1, max_value=MOST_TICKETS, default=DEFAULT_LIMIT, help_text="The most to answer.")
    starting_after = serializers.UUIDField(
        required=False, help_text="Answer what comes after the one with this id, which was the last one of a page."
    )
    ending_before = serializers.UUIDField(
        required=False, help_text="Answer what comes before the one with this id, which was the first one of a page."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "starting_after" in attrs and "ending_before" in attrs:
            raise serializers.ValidationError({"ending_before": ["Give either starting_after or ending_before."]})
        return attrs
