"""The verbs of claims, one noun a file: submission, changes, waitlist, progress."""
