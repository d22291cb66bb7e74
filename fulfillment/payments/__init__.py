"""Payments by Stripe Checkout for claims that are not free, and refunds."""
