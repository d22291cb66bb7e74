"""Our English puts the day before the month and counts 24 hours, on pages as in mails."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
