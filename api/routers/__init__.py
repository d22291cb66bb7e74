"""Translators: a schema in, a service or selector called, a document out."""
