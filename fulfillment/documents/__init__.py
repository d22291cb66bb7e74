"""The papers of a parcel: label, slip and customs declaration, as PDF or for a label printer."""
