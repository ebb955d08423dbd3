"""Who may give rights in the admin, and what the security log says of rights, reads and refusals."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.groups import GROUPS
from accounts.models import Token
from tests.letters import letter, park
from tests.tickets import issue

pytestmark = pytest.mark.django_db


def person(name: str, *permissions: str, is_staff: bool = True) -> User:
    user = User.objects.create_user(name, is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change(by: User, user: User, **fields: Any) -> Any:
    """Post the admin's form of a user."""
    path = reverse("admin:auth_user_change", args=[user.id])
    given = {"username": user.username, "is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return browser(by).post(path, given | fields)


class TestAdmin:
    def test_a_manager_of_users_gives_no_rights(self) -> None:
        manager = person("manager", "change_user", "view_user")
        group = Group.objects.create(name="some")
        permission = Permission.objects.get(codename="cancel_ticket")

        response = change(
            manager,
            manager,
            first_name="Grace",
            is_staff="on",
            is_superuser="on",
            groups=[group.id],
            user_permissions=[permission.id],
        )

        manager.refresh_from_db()
        assert response.status_code == 302
        assert (manager.first_name, manager.is_superuser, list(manager.groups.all())) == ("Grace", False, [])
        assert not manager.user_permissions.filter(codename="cancel_ticket").exists()

    @pytest.mark.parametrize("who", ["superuser", "person with more rights", "deactivated one", "person in a group"])
    def test_a_manager_changes_nobody_who_may_do_more(self, who: str) -> None:
        manager = person("manager", "change_user", "view_user")
        other = person("other", *([] if who == "person in a group" else ["cancel_ticket"]))
        if who == "person in a group":
            other.groups.add(group := Group.objects.create(name="some"))
            group.permissions.add(Permission.objects.get(codename="cancel_ticket"))
        User.objects.filter(id=other.id).update(is_superuser=who == "superuser", is_active=who != "deactivated one")
        password = {"password1": "a new long one", "password2": "a new long one"}
        path = reverse("admin:auth_user_password_change", args=[other.id])

        assert change(manager, other, first_name="Eve").status_code == 403
        assert browser(manager).post(path, password).status_code == 403
        other.refresh_from_db()
        assert (other.first_name, other.has_usable_password()) == ("", False)

    def test_a_superuser_gives_rights(self) -> None:
        ada = person("ada")

        change(User.objects.create_superuser("root"), ada, is_superuser="on")

        ada.refresh_from_db()
        assert ada.is_superuser

    def test_groups_are_changed_by_superusers_alone_and_users_deleted_by_nobody(self) -> None:
        everything = person("all")
        everything.user_permissions.set(Permission.objects.all())
        group = Group.objects.create(name="some")

        client = browser(everything)
        assert client.post(reverse("admin:auth_group_change", args=[group.id]), {"name": "x"}).status_code == 403
        assert client.post(reverse("admin:auth_group_add"), {"name": "x"}).status_code == 403
        delete = reverse("admin:auth_user_delete", args=[everything.id])
        assert browser(User.objects.create_superuser("root")).post(delete, {"post": "yes"}).status_code == 403


def test_the_groups_have_their_permissions() -> None:
    Group.objects.all().delete()
    migration = import_module("accounts.migrations.0003_groups")
    migration.make_groups(apps, SimpleNamespace(connection=connection))

    for name, permissions in GROUPS.items():
        user = person(name)
        user.groups.add(Group.objects.get(name=name))
        assert user.get_all_permissions() == set(permissions)


def test_groups_of_an_earlier_release_get_what_is_new_and_keep_what_an_administrator_changed() -> None:
    import_module("accounts.migrations.0003_groups").make_groups(apps, SimpleNamespace(connection=connection))
    migration = import_module("accounts.migrations.0004_new_permissions")
    new = {name for names in migration.NEW.values() for name in names}
    taken = "events.retry_deadletter"
    for group in Group.objects.filter(name__in=GROUPS):
        group.permissions.remove(
            *Permission.objects.filter(codename__in=[name.split(".")[1] for name in (*new, taken)])
        )
    Group.objects.get(name="gate").permissions.add(Permission.objects.get(codename="cancel_ticket"))
    Group.objects.get(name="box office").delete()

    migration.add_permissions(apps, SimpleNamespace(connection=connection))

    has = {}
    for name in ("auditor", "gate", "operator"):
        user = person(name)
        user.groups.add(Group.objects.get(name=name))
        has[name] = user.get_all_permissions()
    assert has["operator"] == {*GROUPS["operator"]} - {taken}
    assert has["auditor"] == {*GROUPS["auditor"]}
    assert has["gate"] == {*GROUPS["gate"], "tickets.cancel_ticket"}
    assert not Group.objects.filter(name="box office").exists()
    assert all(new <= {name for names in GROUPS.values() for name in names} for new in map(set, migration.NEW.values()))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "security"]


class TestSecurityLog:
    def test_it_has_changes_of_users_and_rights_with_who_made_them(self, caplog: pytest.LogCaptureFixture) -> None:
        root, ada = User.objects.create_superuser("root"), person("ada")
        group = Group.objects.create(name="some")
        permission = Permission.objects.get(codename="cancel_ticket")
        caplog.clear()

        change(root, ada, is_superuser="on", groups=[group.id], user_permissions=[permission.id])
        group.permissions.add(permission)
        ada.delete()

        said = [line for line in lines(caplog) if not line.startswith("log_in")]
        by = 'by="root" address="127.0.0.1"'
        assert said == [
            f'user_changed {by} of="ada" is_staff=False is_superuser=True',
            f'rights_given {by} of="user ada" what="group" names="some"',
            f'rights_given {by} of="user ada" what="permission" names="tickets.cancel_ticket"',
            'rights_given of="group some" what="permission" names="tickets.cancel_ticket"',
            'user_deleted of="ada"',
        ]

    def test_it_has_who_read_which_ticket(self, caplog: pytest.LogCaptureFixture) -> None:
        ticket, root = issue(), User.objects.create_superuser("root")
        token = Token.issue(user=root, name="of a test").text
        client = browser(root)
        caplog.clear()

        for name in ("", "ticket.pdf", "ticket.png"):
            Client().get(f"/api/tickets/{ticket.id}/{name}", headers={"Authorization": f"Bearer {token}"})
        client.get(reverse("admin:tickets_ticket_change", args=[ticket.id]))
        client.get("/lookup/", {"code": ticket.code})
        for late in ("1", "9"):  # The page is shown again: a field is missing, or the ticket has changed.
            client.post(f"/tickets/{ticket.id}/{'void' if late == '9' else 'correct'}/", {"version": late})

        assert lines(caplog) == [f'read by="root" address="127.0.0.1" what="ticket" which="{ticket.id}"'] * 7

    @pytest.mark.usefixtures("stream")
    def test_it_has_who_read_which_dead_letter(self, caplog: pytest.LogCaptureFixture) -> None:
        park("a")
        client = browser(User.objects.create_superuser("root"))
        caplog.clear()

        client.get(reverse("admin:events_deadletter_change", args=[letter().id]))
        client.post(reverse("admin:events_deadletter_edit", args=[letter().id]))

        assert lines(caplog) == [f'read by="root" address="127.0.0.1" what="dead letter" which="{letter().id}"'] * 2

    def test_it_has_who_was_refused_what(self, caplog: pytest.LogCaptureFixture) -> None:
        client = browser(person("ada"))
        caplog.clear()

        client.get("/api/tickets/")
        Client().get("/api/tickets/")

        assert lines(caplog) == [
            'refused by="ada" address="127.0.0.1" method="GET" path="/api/tickets/"',
            'not_logged_in address="127.0.0.1" method="GET" path="/api/tickets/"',
        ]


def test_groups_and_permissions_are_named_in_the_language_of_the_reader() -> None:
    reverse("admin:index")  # Loads the admins of all apps, in their order.
    in_words = import_module("accounts.admin.rights").in_words
    group, permissions = Group(name="box office"), Permission.objects.select_related("content_type")

    assert [in_words(permission) for permission in permissions] == [str(permission) for permission in permissions]
    with translation.override("de"):
        assert in_words(group) == "Theaterkasse"
        assert in_words(permissions.get(codename="cancel_ticket")) == "Tickets | Ticket | Tickets stornieren"
        assert in_words(permissions.get(codename="view_ticket")) == "Tickets | Ticket | Ticket ansehen"
