"""The other reports: each is a function of a moment."""
