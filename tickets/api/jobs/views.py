"""Answer the REST interface of jobs that change many tickets."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from tickets.api.changes import read_body
from tickets.api.idempotency.keys import IDEMPOTENCY_KEY, REPLAYED
from tickets.api.idempotency.once import once
from tickets.api.idempotency.rebuilding import Rebuilt
from tickets.api.jobs.selection import BulkSerializer, tickets_in
from tickets.api.jobs.serializers import (
    JobListSerializer,
    JobRefusalListSerializer,
    JobRefusalSerializer,
    JobSerializer,
    PageParameters,
)
from tickets.api.pages import Order, page_of
from tickets.api.parameters import read_parameters
from tickets.api.visibility import PERMISSION, may_see_tickets
from tickets.jobs.actions import ACTIONS
from tickets.jobs.starting import TooManyTickets, begin, stop
from tickets.models import Job, JobItem, JobKind, JobState, Outcome

LOCATION = OpenApiParameter(
    "Location", {"type": "string", "format": "uri"}, OpenApiParameter.HEADER, response=True, description="Of the job."
)
OF_A_CHANGE = [IDEMPOTENCY_KEY, LOCATION, REPLAYED]
FILTER_NEEDS_MORE = f"Only who may see tickets ({PERMISSION}) may choose them by a filter; send their ids."


def _started(request: Request, jobs: Sequence[Job]) -> Response:
    [job] = jobs
    headers = {"Location": reverse("job-detail", [job.id], request=request)}
    return Response(JobSerializer(job).data, status=HTTPStatus.ACCEPTED, headers=headers)


def _as_it_is_now(places: Mapping[str, int]) -> Rebuilt[Job]:
    return Rebuilt(list(Job.objects.filter(id__in=[*places])), is_newer=True, token="")


class TicketBulk(GenericAPIView[Job]):
    """Start a job."""

    queryset = Job.objects.none()
    serializer_class = BulkSerializer

    @property
    def required_permission(self) -> str:
        """The one for the action that is asked for; for an unknown one, that to cancel."""
        body = self.request.data if self.request.user.is_authenticated else {}
        kind = str(body.get("action")) if isinstance(body, dict) else ""
        return ACTIONS.get(kind, ACTIONS[JobKind.CANCEL]).permission

    @extend_schema(
        tags=["Jobs"],
        operation_id="change_tickets",
        summary="Cancel or check in up to 100,000 tickets",
        request=BulkSerializer,
        responses={202: JobSerializer},
        parameters=OF_A_CHANGE,
    )
    @once(_started, rebuild=_as_it_is_now)
    def post(self, request: Request) -> Sequence[Job]:
        """Start a job that changes each of the tickets in a transaction of its own; what is refused stops no other.

        Follow `Location` for its progress. The job needs the permission to cancel or to check in while it runs too.
        """
        body = read_body(request, BulkSerializer)
        if "filter" in body and not may_see_tickets(request):
            raise PermissionDenied(FILTER_NEEDS_MORE)
        job = Job(
            kind=body["action"],
            asked_by=cast("Any", request.user),
            reason=body["reason"],
            replace=body["replace"],
            correlation_id=getattr(request, "correlation_id", ""),
        )
        try:
            return [begin(job, tickets_in(body))]
        except TooManyTickets as error:
            raise ValidationError({"filter": [str(error)]}) from error


@extend_schema(tags=["Jobs"])
class JobViewSet(viewsets.GenericViewSet[Job]):
    """Show and stop one's own jobs."""

    queryset = Job.objects.exclude(state=JobState.DRAFT)
    serializer_class = JobSerializer
    filter_backends = []
    pagination_class = None

    @property
    def required_permission(self) -> str:
        """To stop a job needs the permission to start it."""
        is_change = self.action == "cancel" and self.request.user.is_authenticated
        return ACTIONS[self._kind_of_job()].permission if is_change else PERMISSION

    def get_queryset(self) -> QuerySet[Job]:
        mine: QuerySet[Job] = super().get_queryset().filter(asked_by=self.request.user.pk, kind__in=ACTIONS)
        return mine

    @extend_schema(
        operation_id="list_jobs",
        summary="List your jobs",
        parameters=[PageParameters],
        responses=forced_singular_serializer(JobListSerializer),  # type: ignore[no-untyped-call]
    )
    def list(self, request: Request) -> Response:
        """List the jobs that you have asked for, the newest first. Each is kept for 30 days after its end."""
        page = page_of(self.get_queryset(), read_parameters(request, PageParameters))
        results = JobSerializer(page.rows, many=True).data
        return Response({**page.links(request), "has_more": page.has_more, "results": results})

    @extend_schema(operation_id="show_job", summary="Show a job")
    def retrieve(self, request: Request, **_: Any) -> Response:  # noqa: ARG002 (REST framework's signature)
        """Show a job: its state, and how many of its tickets are done and refused."""
        return Response(JobSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="list_refusals",
        summary="List the tickets that a job could not change",
        parameters=[PageParameters],
        responses=forced_singular_serializer(JobRefusalListSerializer),  # type: ignore[no-untyped-call]
    )
    @action(detail=True, pagination_class=None)
    def refusals(self, request: Request, **_: Any) -> Response:
        """List the refused tickets with their problems, so far, in the order of the job. Their ids are the cursors."""
        refused = JobItem.objects.filter(job=self.get_object(), outcome=Outcome.REFUSED)
        parameters = read_parameters(request, PageParameters)
        page = page_of(refused, parameters, order=Order("", is_descending=False, newest_first=False), key="ticket_id")
        results = [JobRefusalSerializer(item).data for item in page.rows]
        return Response({**page.links(request), "has_more": page.has_more, "results": results})

    @extend_schema(
        operation_id="stop_job",
        summary="Stop a job",
        request=None,
        responses={202: JobSerializer},
        parameters=OF_A_CHANGE,
    )
    @action(detail=True, methods=["post"])
    @once(_started, rebuild=_as_it_is_now)
    def cancel(self, request: Request, **_: Any) -> Sequence[Job]:  # noqa: ARG002 (REST framework's signature)
        """Leave the rest of the job's tickets as they are. What is done stays done; a finished job stays finished."""
        job = self.get_object()
        stop(job)
        return [job]

    def _kind_of_job(self) -> str:
        """Return the job's kind; raise Http404 if the user has no such job."""
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"]).kind
