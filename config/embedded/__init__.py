"""The PostgreSQL that starts by itself when no DATABASE_URL is given (decision 0102)."""
