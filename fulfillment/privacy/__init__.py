"""Data subject requests: show, export and erase the personal data of one person."""
