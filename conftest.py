"""Plugins of the suite; the standing cast is in tests/conftest.py."""

pytest_plugins = ["tests.flushing"]
