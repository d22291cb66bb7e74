"""The web process: `make serve` runs this under gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from procrastinate.contrib.django import app

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
# Before the first request that defers one.
app.perform_import_paths()  # type: ignore[no-untyped-call]
# Every room's pages are loaded now: some seconds of work that would else fall into somebody's first request.
get_resolver()._populate()  # compiles the routes as well
