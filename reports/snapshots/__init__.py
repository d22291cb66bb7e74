"""Frozen snapshots: the published reports of a campaign, signed, for readers without the database."""
