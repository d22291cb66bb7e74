"""Floor mode: the steps that are done standing, one scan after the other."""
