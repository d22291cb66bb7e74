"""The dashboard and the health page."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateJob

from common import clock
from config import health as checks
from desk.layout import desk_page
from desk.permissions import allowed
from desk.roles import Action
from desk.selectors.dashboard import dashboard


@require_safe
@allowed(Action.SEE_DESK)
def today(request: HttpRequest) -> HttpResponse:
    return desk_page(request, "desk/today.html", {"standing": dashboard(now=clock.now())})


@require_safe
@allowed(Action.SEE_DESK)
def health(request: HttpRequest) -> HttpResponse:
    """The results of `/readyz` and the latest failed jobs, whose arguments are only ids."""
    failed = ProcrastinateJob.objects.filter(status="failed").order_by("-id")[:50]
    found = {name.replace("_", " "): one for name, one in checks.check_all(now=clock.now()).items()}
    return desk_page(request, "desk/health.html", {"checks": found, "failed": failed})
