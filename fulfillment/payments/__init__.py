"""Payments: what is not free is paid by Stripe Checkout, and refunded when we cannot deliver."""
