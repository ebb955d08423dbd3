"""The admin's theme: what is replaced of it is known, so that an upgrade does not go unnoticed."""

import hashlib
import re
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client

from config.admin.theme import ThemedAdmin

ROOT = Path(__file__).resolve().parents[4]
THEIRS = Path(unfold.__file__).parent / "templates"
OURS = ROOT / "config/templates"
COPIED = {
    "admin/actions.html": "4cb3331602a6",
    "admin/base.html": "7428a8411d69",
    "admin/change_list_object_tools.html": "7263224f69d3",
    "admin/nav_sidebar.html": "9ded21d2f103",
    "unfold/helpers/navigation_user.html": "df49db2d72d7",
    "unfold/layouts/skeleton.html": "062bb8d9caf5",
}
"""The templates of the theme that ours replace, each with the beginning of its hash."""


def test_every_class_of_the_admin_has_the_theme() -> None:
    assert [model for model, found in admin.site._registry.items() if not isinstance(found, ThemedAdmin)] == []


@pytest.mark.django_db
def test_no_frame_shows_a_page_of_the_admin(admin_client: Client) -> None:
    assert admin_client.get("/admin/auth/group/add/").headers["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "lookup", "value", "status"),
    [
        ("tickets/ticket", "title__regex", "(a+)+$", 400),
        ("tickets/ticket", "created_at__year", "99999", 400),
        ("tickets/ticket", "starts_at__year__gte", "99999", 400),
        ("tickets/ticket", "starts_at__year", "2027", 200),
        ("tickets/ticket", "starts_at__year", "99999", 302),
        ("tickets/ticket", "day_from", "2027-05-01", 200),
        ("tickets/ticket", "utm_source", "x", 302),
        ("auth/user", "date_joined__year", "99999", 400),
        ("auth/user", "password__startswith", "pbkdf2", 400),
        ("auth/user", "groups__id__exact", "1", 200),
        ("auth/user", "is_staff__exact", "1", 200),
        ("accounts/token", "digest__startswith", "a", 400),
        ("accounts/token", "user__password__startswith", "a", 400),
        ("events/logentry", "data__contains", "secret", 400),
        ("events/logentry", "time__gte", "2027-01-01 00:00:00+00:00", 200),
        ("events/logentry", "time__year", "99999", 400),
        ("tickets/job", "state__exact", "done", 200),
    ],
)
def test_a_list_is_filtered_only_by_what_it_offers(
    admin_client: Client, model: str, lookup: str, value: str, status: int
) -> None:
    assert admin_client.get(f"/admin/{model}/", {lookup: value}).status_code == status


@pytest.mark.django_db
def test_a_form_takes_no_time_from_the_address(admin_client: Client) -> None:
    assert admin_client.get("/admin/accounts/token/add/?name=x&expires_at=x&expires_at=2027-05-01").status_code == 200


@pytest.mark.parametrize("name", COPIED)
def test_a_replaced_template_is_still_the_one_that_ours_was_made_from(name: str) -> None:
    """If this fails after an upgrade, take the changes over to ours, and note the new hash."""
    assert hashlib.sha256((THEIRS / name).read_bytes()).hexdigest()[:12] == COPIED[name]


def test_ours_either_replace_a_template_or_extend_it() -> None:
    replacing = {
        str(path.relative_to(OURS))
        for path in OURS.rglob("*.html")
        if (THEIRS / path.relative_to(OURS)).exists() and f'extends "{path.relative_to(OURS)}"' not in path.read_text()
    }

    assert replacing == COPIED.keys()


def test_alpine_is_the_build_without_eval_and_the_version_that_the_docs_name() -> None:
    script = Path(finders.find("config/admin/alpine.csp.js")).read_text()
    [documented] = re.findall(r"@alpinejs/csp ([\d.]+)", (ROOT / "docs/adr/0020-theme-of-the-admin.md").read_text())

    assert re.findall(r'version:"([\d.]+)"', script) == [documented]
    assert "is prohibited in the CSP build" in script
