"""Stripe's paths and their handlers."""

from __future__ import annotations

from sandbox.stripe.account import Handler
from sandbox.stripe.resources import (
    balance_transactions,
    checkout_sessions,
    disputes,
    events,
    payments,
    refunds,
    webhook_endpoints,
)

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/checkout/sessions", checkout_sessions.create_session),
    ("GET", "/checkout/sessions", checkout_sessions.list_sessions),
    ("GET", "/checkout/sessions/{id}", checkout_sessions.retrieve_session),
    ("POST", "/checkout/sessions/{id}/expire", checkout_sessions.expire_session),
    ("GET", "/checkout/sessions/{id}/line_items", checkout_sessions.list_session_lines),
    ("GET", "/payment_intents/{id}", payments.retrieve_intent),
    ("GET", "/charges/{id}", payments.retrieve_charge),
    ("POST", "/refunds", refunds.create_refund),
    ("GET", "/refunds", refunds.list_refunds),
    ("GET", "/refunds/{id}", refunds.retrieve_refund),
    ("GET", "/disputes", disputes.list_disputes),
    ("GET", "/disputes/{id}", disputes.retrieve_dispute),
    ("GET", "/balance_transactions", balance_transactions.list_entries),
    ("GET", "/balance_transactions/{id}", balance_transactions.retrieve_entry),
    ("GET", "/events", events.list_events),
    ("GET", "/events/{id}", events.retrieve_event),
    ("POST", "/webhook_endpoints", webhook_endpoints.create_endpoint),
    ("GET", "/webhook_endpoints", webhook_endpoints.list_endpoints),
    ("GET", "/webhook_endpoints/{id}", webhook_endpoints.retrieve_endpoint),
    ("POST", "/webhook_endpoints/{id}", webhook_endpoints.update_endpoint),
    ("DELETE", "/webhook_endpoints/{id}", webhook_endpoints.delete_endpoint),
)
