"""Each call of the service is in docs/permissions.md, and is answered to those alone who have what the row says."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, RequestFactory

from accounts.groups import GROUPS
from accounts.models import Token
from events.models import DeadLetterAction, LogEntry
from tests.integration.accounts.calls import Call, Row, all_calls, line_of, list_of, table
from tests.letters import letter, park
from tests.tickets import issue
from tickets.access.control import add
from tickets.jobs.starting import begin
from tickets.models import Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stream")]
LOG_INS = ("/log-in/?", "/admin/login/?")


@pytest.fixture
def ids() -> dict[str, Any]:
    """The ids of something to call by the paths that begin so."""
    park("a")
    ticket, user, caller = issue(), User.objects.create_user("somebody"), User.objects.create_user("caller")
    User.objects.create_superuser("root")
    job = begin(Job(kind="cancel", asked_by=caller), [ticket.id])
    return {
        "/tickets/": ticket.id,
        "/api/tickets/": ticket.id,
        "/api/jobs/": job.id,
        "/admin/tickets/job/": job.id,
        "/admin/tickets/receiver/": add("gate", "https://gate.invalid/", ["ticket.canceled"]).receiver.pk,
        "/admin/operations/groups/": "access",
        "/admin/operations/projections/": "tickets",
        "/admin/tickets/ticket/": ticket.id,
        "/admin/events/logentry/": LogEntry.objects.earliest("id").id,
        "/admin/events/deadletter/": letter().id,
        "/admin/events/deadletteraction/": DeadLetterAction.objects.earliest("id").id,
        "/admin/auth/user/": user.id,
        "/admin/auth/group/": Group.objects.create(name="some").id,
        "/admin/accounts/token/": Token.issue(user=caller, name="of a test").id,
        "/admin/r/": ticket.id,
    }


class Caller:
    """A person with changing rights, who makes calls."""

    def __init__(self, ids: dict[str, Any]) -> None:
        self.ids = ids
        self.user = User.objects.get(username="caller")
        self.client = Client()
        self.permissions = {
            f"{permission.content_type.app_label}.{permission.codename}": permission
            for permission in Permission.objects.select_related("content_type")
        }

    def may(self, call: Call, *permissions: str, is_staff: bool = False, is_superuser: bool = False) -> bool:
        """Tell whether the call is answered to the person with these rights alone."""
        User.objects.filter(id=self.user.id).update(is_staff=is_staff, is_superuser=is_superuser)
        rights = User.user_permissions.through.objects
        rights.filter(user=self.user).delete()
        rights.bulk_create(rights.model(user=self.user, permission=self.permissions[name]) for name in permissions)
        if call.action:
            return self._is_offered(call)
        if "sessionid" not in self.client.cookies or not self.client.cookies["sessionid"].value:
            self.client.force_login(self.user)
        return self.is_answered(self.client, call)

    def _is_offered(self, call: Call) -> bool:
        """Tell whether the admin offers the action: it ignores others, and answers with the list."""
        request = RequestFactory().get(call.path)
        request.user = User.objects.get(id=self.user.id)
        [model_admin] = [found for found in admin.site._registry.values() if list_of(found) == call.path]
        allowed = admin.site.has_permission(request) and model_admin.has_view_permission(request)
        return allowed and call.action in model_admin.get_actions(request)

    def is_answered(self, client: Client, call: Call) -> bool:
        known = next((number for prefix, number in self.ids.items() if call.path.startswith(prefix)), "")
        path = call.path.replace("{id}", str(known)).replace("{app}", "tickets").replace("{type}", "1")
        headers = {"Accept": "application/json, text/html, */*"}
        response = client.generic(call.method, path, headers=headers)
        refused = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED}
        to_log_in = response.headers.get("Location", "").startswith(LOG_INS) and call.path != "/admin/login/"
        return response.status_code not in refused and not to_log_in


def test_each_call_is_answered_to_those_alone_whom_the_table_names(ids: dict[str, Any]) -> None:
    caller, rows = Caller(ids), table()
    calls = set(all_calls(User.objects.get(username="root")))

    wrong = [f"no such call: {call}" for call in rows.keys() - calls]
    for call in sorted(calls):
        wrong += _wrong_without_row(caller, call) if call not in rows else _wrong(caller, call, rows[call])

    assert wrong == []


def _wrong_without_row(caller: Caller, call: Call) -> list[str]:
    return [f"no row: {call}"] if caller.may(call, is_staff=True, is_superuser=True) else []


def _wrong(caller: Caller, call: Call, row: Row) -> Iterator[str]:
    is_superuser = "superuser" in row.needs
    is_staff = is_superuser or "staff" in row.needs
    changing = {name.replace(".view_", ".change_") for name in row.permissions}
    others = caller.permissions.keys() - row.permissions - changing
    if not caller.may(call, *row.permissions, is_staff=is_staff, is_superuser=is_superuser):
        yield f"refused: {call} with {row.needs}"
    if "anybody" not in row.needs and not call.action and caller.is_answered(Client(), call):
        yield f"answered to anybody: {call}"
    if (row.permissions or is_superuser) and caller.may(call, *others, is_staff=True):
        yield f"answered without {row.needs}: {call}"
    if is_staff and caller.may(call, *caller.permissions):
        yield f"answered without staff status: {call}"


def test_the_columns_of_the_groups_say_what_their_permissions_allow() -> None:
    for call, row in table().items():
        groups = tuple(
            name for name, given in GROUPS.items() if row.permissions <= {*given} and "superuser" not in row.needs
        )
        assert line_of(call, row.needs, row.groups) == line_of(call, row.needs, groups)
