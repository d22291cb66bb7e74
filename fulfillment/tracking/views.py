"""The endpoint for EasyPost's webhooks."""

from functools import cache

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from common import clock
from fulfillment.postage.gateways.events import EasyPostIntake, EasyPostIntakeV2
from fulfillment.webhooks import WebhookRefused, receive_webhook


@csrf_exempt
@require_POST
def easypost_webhook(request: HttpRequest) -> HttpResponse:
    """Store an event. Returns 204 when it is stored, also if it was before; 400 when it is rejected."""
    try:
        receive_webhook(_intake(), body=_body(request), headers=request.headers, now=clock.now())
    except WebhookRefused as refusal:
        problem = {"type": "about:blank", "title": str(refusal), "status": 400, "code": refusal.code}
        return JsonResponse(problem, status=400, content_type="application/problem+json")
    return HttpResponse(status=204)


@cache
def _intake() -> EasyPostIntake:
    environment = settings.ENVIRONMENT
    secrets = [secret.get_secret_value() for secret in environment.easypost_webhook_secrets]
    if environment.easypost_webhook_signature == "v2":
        return EasyPostIntakeV2(secrets, now=clock.now)
    return EasyPostIntake(secrets)


def _body(request: HttpRequest) -> bytes | None:
    try:
        return request.body
    except (RequestDataTooBig, UnreadablePostError):
        return None
