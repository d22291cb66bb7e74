"""Data subject requests across all rooms: show, export and erase what is held about one person."""
