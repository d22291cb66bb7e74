"""What is held about one person, over all rooms: shown, handed out, and erased as far as it may be."""
