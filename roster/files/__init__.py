"""Parsers of an index's exports: rows checked one by one, every error with its line."""
