"""The verbs of payments, one noun a file."""
