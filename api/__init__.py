"""The JSON API: a package for each noun, and what they share (tokens, idempotency, rate limits, problems)."""
