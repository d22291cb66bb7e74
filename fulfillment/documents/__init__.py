"""Parcel documents: label, slip and customs declaration, as PDF or for a label printer."""
