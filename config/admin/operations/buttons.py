"""What operators do on the operations page: each has a permission, a page that asks, and a line in the security log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import security_log
from events.conf import conf
from events.dead_letters import actions
from events.models import DeadLetter
from events.operations.control import GroupRequest, ask
from readmodel.projection import projections
from readmodel.tasks import rebuild_readmodel


@dataclass(frozen=True, kw_only=True)
class Button:
    """Something that an operator does. `press` does it, and returns what is told to the operator.

    `expect` raises Http404 if there is nothing of this name.
    """

    name: str
    label: Any
    explanation: Any
    permissions: tuple[str, ...]
    route: str
    expect: Callable[[str], None]
    press: Callable[[HttpRequest, str], str]


def _expect_group(name: str) -> None:
    if name not in conf.subscribers:
        raise Http404


def _expect_projection(name: str) -> None:
    if name not in {projection.name for projection in projections()}:
        raise Http404


def _ask(request: GroupRequest, group: str) -> None:
    ask(request, [group])
    security_log.write(f"group_asked_to_{request}", of=group)


def _pause(request: HttpRequest, group: str) -> str:  # noqa: ARG001 (as all others)
    _ask(GroupRequest.PAUSE, group)
    return _("The processes of %(group)s pause after their current batch.") % {"group": group}


def _resume(request: HttpRequest, group: str) -> str:  # noqa: ARG001
    _ask(GroupRequest.RESUME, group)
    return _("The processes of %(group)s go on.") % {"group": group}


def chosen_letters(query: Mapping[str, Any]) -> Any:
    """Return the parked letters of one line of the page: of a group, a type of event and a type of error."""
    chosen = {name: query.get(name, "") for name in ("group", "type", "error_type")}
    return DeadLetter.objects.filter(**chosen, state=DeadLetter.State.PARKED)


def _retry(request: HttpRequest, group: str) -> str:
    letters = chosen_letters({**request.GET.dict(), "group": group})
    outcome = actions.retry(letters, request.user.get_username())
    security_log.write("dead_letters_retried", of=group, number=outcome.done)
    return outcome.sentence(_("marked to be retried"))


def _rebuild(request: HttpRequest, projection: str) -> str:  # noqa: ARG001
    rebuild_readmodel.enqueue(projection)
    security_log.write("rebuild_requested", of=projection)
    return _("A new index of %(projection)s is built by the next free worker.") % {"projection": projection}


BUTTONS = (
    Button(
        name="pause",
        label=gettext_lazy("Pause"),
        explanation=gettext_lazy(
            "The group handles no more events until it is resumed. None is lost: the group is behind meanwhile."
        ),
        permissions=("events.view_consumergroup", "events.pause_consumergroup"),
        route="groups/<str:of>/pause/",
        expect=_expect_group,
        press=_pause,
    ),
    Button(
        name="resume",
        label=gettext_lazy("Resume"),
        explanation=gettext_lazy("The group goes on with the event at which it was paused."),
        permissions=("events.view_consumergroup", "events.pause_consumergroup"),
        route="groups/<str:of>/resume/",
        expect=_expect_group,
        press=_resume,
    ),
    Button(
        name="retry",
        label=gettext_lazy("Retry"),
        explanation=gettext_lazy("The group handles the parked events of this kind again, in their order."),
        permissions=("events.view_consumergroup", "events.retry_deadletter"),
        route="groups/<str:of>/retry/",
        expect=lambda name: None,  # noqa: ARG005 (letters of groups that are not declared any more are marked too)
        press=_retry,
    ),
    Button(
        name="rebuild",
        label=gettext_lazy("Rebuild"),
        explanation=gettext_lazy(
            "A new index is filled from the log beside the searched one, and takes its place when it agrees with the "
            "log. Searches go on meanwhile."
        ),
        permissions=("events.view_consumergroup", "readmodel.rebuild_readmodel"),
        route="projections/<str:of>/rebuild/",
        expect=_expect_projection,
        press=_rebuild,
    ),
)
