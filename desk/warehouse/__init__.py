"""Warehouse pages: steps of work done by scanning."""
