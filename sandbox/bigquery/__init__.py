"""A stand-in for BigQuery: `jobs.query` and its result pages over a table of downloads, and its errors."""
