"""Embedded PostgreSQL, started automatically when DATABASE_URL is empty (decision 0102)."""
