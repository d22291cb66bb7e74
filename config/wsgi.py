"""The web process: `make serve` runs this under gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from procrastinate.contrib.django import app

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
# Before the first request that defers one.
app.perform_import_paths()  # type: ignore[no-untyped-call]
# Load all views now, so that the first request does not wait for them.
get_resolver()._populate()  # compiles the routes as well
