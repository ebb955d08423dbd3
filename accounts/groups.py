"""The groups that `migrate` makes once, each with the permissions that its work needs; administrators change them."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_noop as _

GROUPS: Mapping[str, Sequence[str]] = {
    _("box office"): (
        "tickets.view_ticket",
        "tickets.add_ticket",
        "tickets.change_ticket",
        "tickets.cancel_ticket",
        "tickets.reinstate_ticket",
        "tickets.check_in_ticket",
        "tickets.undo_check_in_ticket",
        "tickets.export_ticket",
    ),
    _("gate"): (
        "tickets.view_ticket",
        "tickets.check_in_ticket",
    ),
    _("auditor"): (
        "tickets.view_ticket",
        "events.view_logentry",
        "events.view_deadletter",
        "events.view_deadletteraction",
        "events.view_consumergroup",
        "accounts.view_token",
        "auth.view_user",
        "auth.view_group",
    ),
    _("operator"): (
        "events.view_logentry",
        "events.view_deadletter",
        "events.view_deadletteraction",
        "events.retry_deadletter",
        "events.edit_deadletter",
        "events.discard_deadletter",
        "events.view_consumergroup",
        "events.pause_consumergroup",
        "events.forget_person",
        "events.report_person",
        "tickets.view_receiver",
        "tickets.add_receiver",
        "tickets.change_receiver",
        "tickets.delete_receiver",
        "readmodel.rebuild_readmodel",
        "readmodel.view_metrics",
    ),
}
