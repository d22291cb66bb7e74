"""A stand-in for BigQuery: `jobs.query` and its pages over a table of downloads, and its refusals."""
