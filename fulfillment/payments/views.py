"""Pages of payment, return and receipt of a claim, and the endpoint for Stripe's webhooks."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common import clock
from config.middleware import POLICY
from config.models import User
from fulfillment.claims.models import Claim, ClaimQuote
from fulfillment.claims.rules import ClaimState
from fulfillment.payments import gateways
from fulfillment.payments.errors import CheckoutNotReady, NothingToPay
from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.gateways.events import StripeIntake
from fulfillment.payments.models import Payment
from fulfillment.payments.rules.states import PaymentState
from fulfillment.payments.selectors import receipts_of
from fulfillment.payments.services.checkout import start_checkout
from fulfillment.payments.services.settlement import settle_payment
from fulfillment.webhooks import WebhookRefused, receive_webhook

STRIPE_API, STRIPE_CHECKOUT = "https://api.stripe.com", "https://checkout.stripe.com"


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def payment_page(request: HttpRequest, code: str) -> HttpResponse:
    """Show the price of a claim; on POST redirect to the vendor's page. A GET makes no call to the vendor."""
    claim, now = _own_claim(request, code), clock.now()
    problem = ""
    if request.method == "POST":
        try:
            return HttpResponseRedirect(
                start_checkout(code=code, gateway=gateways.payment_gateway(), now=now), status=303
            )
        except NothingToPay:
            messages.info(request, _("There is nothing left to pay for this claim."))
            return redirect("claims:claim", code)
        except CheckoutNotReady:
            problem = _(
                "The payment page could not be opened just now, and nothing was charged. "
                "Try again in a minute."
            )
    if claim.state != ClaimState.AWAITING_PAYMENT:
        return redirect("claims:claim", code)
    quote = get_object_or_404(ClaimQuote, claim=claim)
    under_way = claim.payments.filter(state=PaymentState.PENDING).exists()
    response = render(
        request,
        "payments/pay.html",
        {
            "claim": claim,
            "quote": quote.as_quote(),
            "is_under_way": under_way,
            "is_over": claim.payment_due_at is not None and claim.payment_due_at <= now,
            "problem": problem,
        },
        status=503 if problem else 200,
    )
    # Browsers apply form-action to redirects after a form too, and the vendor's page is such a redirect.
    response["Content-Security-Policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {_checkout_origin()}"
    )
    return response


@never_cache
@login_required
@require_safe
def paid(request: HttpRequest, code: str) -> HttpResponse:
    """Show the result after the vendor's page, as retrieved from the vendor."""
    claim = _own_claim(request, code)
    payment = _payment_named(request, claim)
    if payment is None:
        return redirect("claims:claim", code)
    payment = _settled(payment)
    claim.refresh_from_db()
    return render(
        request,
        "payments/paid.html",
        {"claim": claim, "payment": payment, "standing": _standing(payment, claim)},
    )


@never_cache
@login_required
@require_safe
def payment_status(request: HttpRequest, code: str) -> JsonResponse:
    """The state of the newest payment, for polling. Makes no call to the vendor."""
    claim = _own_claim(request, code)
    payment = _payment_named(request, claim)
    return JsonResponse({"standing": _standing(payment, claim) if payment else "none"})


@never_cache
@login_required
@require_safe
def receipt(request: HttpRequest, code: str) -> HttpResponse:
    """A printable receipt of a claim's payments and refunds."""
    claim = _own_claim(request, code)
    paid_for = receipts_of(claim)
    if not paid_for:
        raise Http404
    quote = get_object_or_404(ClaimQuote, claim=claim)
    return render(
        request,
        "payments/receipt.html",
        {"claim": claim, "quote": quote.as_quote(), "receipts": paid_for},
    )


def _standing(payment: Payment, claim: Claim) -> str:
    """The state to show: accepted, given_back, waiting, failed, expired or open."""
    if payment.state == PaymentState.PAID:
        fulfilment = getattr(payment, "fulfilment", None)
        return "given_back" if fulfilment is None or fulfilment.outcome == "given_back" else "accepted"
    return {
        PaymentState.PENDING: "waiting",
        PaymentState.FAILED: "failed",
        PaymentState.EXPIRED: "expired",
        PaymentState.VOID: "expired",
    }.get(PaymentState(payment.state), "open")


def _settled(payment: Payment) -> Payment:
    """Settle the payment with the vendor; return it unchanged if the vendor does not respond."""
    if payment.state != PaymentState.PAID:
        try:
            settle_payment(payment_id=payment.pk, gateway=gateways.payment_gateway(), now=clock.now())
        except PaymentGatewayError:
            pass  # the page shows it as waiting; webhook and periodic job settle it later
    return Payment.objects.select_related("fulfilment").get(pk=payment.pk)


def _payment_named(request: HttpRequest, claim: Claim) -> Payment | None:
    """The payment named in the URL if it belongs to this claim, else the claim's newest."""
    payments = claim.payments.select_related("fulfilment").order_by("-attempt")
    session_id = request.GET.get("session_id", "")
    named = payments.filter(session_id=session_id).first() if "\x00" not in session_id else None
    return named or payments.first()


def _own_claim(request: HttpRequest, code: str) -> Claim:
    """The current person's claim. A claim of another person gives 404, as if it did not exist."""
    account = request.user.account if isinstance(request.user, User) else None
    if account is None or "\x00" in code:
        raise Http404
    return get_object_or_404(Claim.objects.of(account.pk).select_related("campaign"), code=code)


def _checkout_origin() -> str:
    base = urlsplit(settings.ENVIRONMENT.stripe_api_base)
    origin = f"{base.scheme}://{base.netloc}"
    return STRIPE_CHECKOUT if origin == STRIPE_API else origin


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Store an event. Returns 204 when it is stored, also if it was before; 400 when it is rejected."""
    now = clock.now()
    secrets = [secret.get_secret_value() for secret in settings.ENVIRONMENT.stripe_webhook_secrets]
    try:
        receive_webhook(StripeIntake(secrets, now=now), body=_body(request), headers=request.headers, now=now)
    except WebhookRefused as refusal:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": str(refusal),
            "status": 400,
            "code": refusal.code,
        }
        return JsonResponse(problem, status=400, content_type="application/problem+json")
    return HttpResponse(status=204)


def _body(request: HttpRequest) -> bytes | None:
    try:
        return request.body
    except (RequestDataTooBig, UnreadablePostError):
        return None
