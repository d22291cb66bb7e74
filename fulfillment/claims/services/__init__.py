"""Services of claims, by subject."""
