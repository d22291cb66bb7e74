"""What gunicorn serves in tests: the real application on the test database."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from django.conf import settings

settings.DATABASES["default"]["NAME"] = os.environ["SERVED_DATABASE"]
# As deployed: with DEBUG Django keeps every statement, and puts its values into it once more for that.
settings.DEBUG = False

from config.wsgi import application  # noqa: E402

__all__ = ["application"]
