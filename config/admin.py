"""Hide REST tokens from the admin: whoever reads a token can act as its user. `manage.py create_token` makes them."""

from django.contrib import admin
from rest_framework.authtoken.models import TokenProxy

admin.site.unregister(TokenProxy)
