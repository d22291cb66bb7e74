"""The type of the vendors' JSON objects, which the stand-ins build and read as plain dictionaries."""

from typing import Any

Json = dict[str, Any]
