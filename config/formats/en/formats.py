"""Date formats for English: the day before the month and 24 hours, on pages and in emails."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
