"""Problem documents (RFC 9457): every refusal, with a stable code and every bad field."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

from common.errors import FieldError

CONTENT_TYPE = "application/problem+json"

# Every code an answer of the API can bear, with status and title. The documentation page reads this, too.
CODES: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "Who is calling?"),
    "missing_scope": (403, "The token lacks a scope"),
    "csrf_failed": (403, "The CSRF token is missing or wrong"),
    "not_a_maintainer": (403, "No account on the roster"),
    "ineligible": (403, "Not eligible"),
    "not_found": (404, "There is no such thing here"),
    "unknown_campaign": (404, "No such campaign"),
    "unknown_claim": (404, "No such claim"),
    "unknown_country": (404, "No such country"),
    "unknown_maintainer": (404, "No such maintainer"),
    "unknown_serial": (404, "No such unit"),
    "unknown_bin": (404, "No such bin"),
    "unknown_shipment": (404, "No such parcel"),
    "unknown_manifest": (404, "No such manifest"),
    "unknown_paper": (404, "No such count, write-off or recall"),
    "unknown_policy": (404, "No such policy"),
    "unknown_project": (404, "No such project"),
    "method_not_allowed": (405, "This cannot be done here"),
    "already_claimed": (409, "There is a live claim already"),
    "too_late": (409, "The claim can no longer be changed"),
    "self_approval": (409, "A second person must do this"),
    "wrong_bin": (409, "Not into this bin"),
    "count_outdated": (409, "Keys have moved since the count"),
    "insufficient_stock": (409, "Not enough stock"),
    "move_not_allowed": (409, "The ledger has no such move"),
    "policy_already_published": (409, "A published policy never changes"),
    "policy_not_previewed": (409, "The policy has not been previewed as it is"),
    "list_held": (409, "The list would shrink the roster and waits for a second person"),
    "snapshot_window_differs": (409, "The same list came before for other days"),
    "no_policy": (409, "No policy is in force to compare with"),
    "empty_roster": (422, "Nobody is on the roster"),
    "not_in_review": (409, "The claim is not in review"),
    "not_to_label": (409, "The parcel is not to be sent"),
    "not_refundable": (409, "The label's money cannot be asked back"),
    "nothing_to_hand_over": (409, "No parcel can be handed over"),
    "idempotency_in_progress": (409, "The first request is still being worked"),
    "idempotency_key_reused": (409, "The key came with another request"),
    "shredded": (410, "The address is gone"),
    "body_too_large": (413, "The body is too large"),
    "invalid": (422, "Some fields cannot be accepted"),
    "bad_idempotency_key": (422, "The key cannot be used"),
    "too_many_requests": (429, "Too many calls"),
    "internal_error": (500, "Something failed on our side"),
}


def problem(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    **extras: Any,
) -> HttpResponse:
    """The answer for a refusal.

    Args: code: one of CODES, or the code of an error no router expects, which then needs a `status`.
          extras: what the caller needs to go on, such as `decision` or `claim`.
    """
    known = CODES.get(code)
    status = status or (known[0] if known else 500)
    document: dict[str, Any] = {
        "type": f"{settings.SITE_URL}/api/v1/docs#{code}",
        "title": known[1] if known else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if listed := [asdict(error) for error in errors]:
        document["errors"] = listed
    return HttpResponse(
        json.dumps(document | extras, cls=DjangoJSONEncoder),
        status=status,
        content_type=CONTENT_TYPE,
        headers=dict(headers or {}),
    )
