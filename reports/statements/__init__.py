"""The other reports: each a function of a moment that gives its tables."""
