"""Texts of libraries, and names of models, that are shown in the admin and have no German of their own.

The libraries, and the form of a user, look them up by themselves; `make messages` finds them here.
"""

from django.utils.translation import gettext_noop as _

OF_THE_THEME = (
    _("Available shortcuts"),
    _("Changelist shortcuts"),
    _("Choose file to upload"),
    _("Command tool shortcuts"),
    _("Create new record"),
    _("Dark"),
    _("Global shortcuts"),
    _("Light"),
    _("Navigate"),
    _("No results found"),
    _("Open command tool"),
    _("Open selection"),
    _("Open selection in new tab"),
    _("Open shortcuts list"),
    _("Reset filters"),
    _("Select action to run"),
    _("Select record"),
    _("Select value"),
    _("System"),
    _("This page yielded into no results."),
    _("Toggle dark/light mode"),
    _("Toggle filter"),
    _("Toggle sidebar"),
    _("Type to search"),
)
OF_DJANGO = (
    _("After you've created a user, you’ll be able to edit more user options."),
    _("Disabled"),
    _("Enabled"),
    _("Password-based authentication"),
    _("Raw passwords are not stored, so there is no way to see the user’s password."),
    _("Reset password"),
    _(
        "Whether the user will be able to authenticate using a password or not. If disabled, they may still be able to "
        "authenticate using other backends, such as Single Sign-On or LDAP."
    ),
)
OF_PERMISSIONS = (
    _("Otp_Static"),
    _("Otp_Totp"),
    _("TOTP device"),
    _("Task Result"),
    _("Tasks Database Backend"),
    _("attempts"),
    _("checkpoint"),
    _("consumer group"),
    _("forgetting"),
    _("lease"),
    _("member"),
    _("partition"),
    _("position"),
    _("signing key"),
    _("static device"),
    _("static token"),
    _("waiting entry"),
    _("wrong documents"),
)
"""Names of apps and models that only the names of permissions have."""
