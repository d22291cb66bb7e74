"""Context of every template."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    return {"site_url": settings.SITE_URL, "index_name": settings.OIDC_NAME}
