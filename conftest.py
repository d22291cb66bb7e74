"""Plugins of the suite; the standing cast is in tests/conftest.py."""

import pytest

pytest_plugins = ["tests.flushing"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In parallel (`-n`), a file's tests stay together, and those that look at the one rehearsal do."""
    for item in items:
        is_of_rehearsal = "run" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("rehearsal" if is_of_rehearsal else item.path.as_posix()))
