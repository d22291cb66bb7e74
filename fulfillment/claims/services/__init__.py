"""Services of claims, one noun a file."""
