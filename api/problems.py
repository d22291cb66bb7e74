"""Problem details (RFC 9457): every error response, with a stable code and every invalid field."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

from common.errors import FieldError

CONTENT_TYPE = "application/problem+json"

# Every error code of the API with its status and title. The documentation page lists these.
CODES: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "Authentication required"),
    "missing_scope": (403, "Missing scope"),
    "csrf_failed": (403, "CSRF token missing or incorrect"),
    "not_a_maintainer": (403, "No account on the roster"),
    "ineligible": (403, "Not eligible"),
    "not_found": (404, "Not found"),
    "unknown_campaign": (404, "Campaign not found"),
    "unknown_claim": (404, "Claim not found"),
    "unknown_country": (404, "Country not found"),
    "unknown_maintainer": (404, "Maintainer not found"),
    "unknown_serial": (404, "Unit not found"),
    "unknown_bin": (404, "Bin not found"),
    "unknown_shipment": (404, "Shipment not found"),
    "unknown_manifest": (404, "Manifest not found"),
    "unknown_paper": (404, "Count, write-off or recall not found"),
    "unknown_policy": (404, "Policy not found"),
    "unknown_project": (404, "Project not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "already_claimed": (409, "The maintainer already has an open claim"),
    "too_late": (409, "The claim can no longer be changed"),
    "self_approval": (409, "Needs a second person"),
    "wrong_bin": (409, "Wrong bin"),
    "count_outdated": (409, "Keys were moved since the count"),
    "insufficient_stock": (409, "Not enough stock"),
    "move_not_allowed": (409, "The ledger does not allow this movement"),
    "policy_already_published": (409, "A published policy never changes"),
    "policy_not_previewed": (409, "The draft has not been previewed in its current form"),
    "list_held": (409, "The list would shrink the roster and needs approval"),
    "snapshot_window_differs": (409, "The same list was imported for other dates"),
    "no_policy": (409, "No policy is in force to compare with"),
    "empty_roster": (422, "The roster is empty"),
    "not_in_review": (409, "The claim is not in review"),
    "not_to_label": (409, "The shipment must not be labelled"),
    "not_refundable": (409, "The label cannot be refunded"),
    "nothing_to_hand_over": (409, "No shipment can be handed over"),
    "idempotency_in_progress": (409, "The first request is still being processed"),
    "idempotency_key_reused": (409, "Idempotency key used for another request"),
    "shredded": (410, "The address has been erased"),
    "body_too_large": (413, "Request body too large"),
    "invalid": (422, "Invalid request"),
    "bad_idempotency_key": (422, "Invalid idempotency key"),
    "too_many_requests": (429, "Too many requests"),
    "internal_error": (500, "Internal error"),
}


def problem(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    **extras: object,
) -> HttpResponse:
    """Build an error response.

    Args: code: one of CODES, or another code together with a `status`.
          extras: further members of the document, such as `decision` or `claim`.
    """
    known = CODES.get(code)
    status = status or (known[0] if known else 500)
    document: dict[str, object] = {
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
