"""The numbers of the reports, computed from frames: pandas in, plain values out, no database."""
