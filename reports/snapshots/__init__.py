"""Frozen snapshots: what was published of a campaign, signed, for whoever has no database."""
