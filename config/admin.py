"""The admin shows no tokens: whoever reads one may act as its user. `manage.py create_token` makes them."""

from django.contrib import admin
from rest_framework.authtoken.models import TokenProxy

admin.site.unregister(TokenProxy)
