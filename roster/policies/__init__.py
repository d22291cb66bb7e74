"""The policies that ship with Keydesk: the three rule sets of 2022 and the default."""

import json
from pathlib import Path

from roster.rules.policy import PolicyJson

DIRECTORY = Path(__file__).parent
VERSIONS = ("2022-06-21", "2022-08-25", "2022-09-23", "keydesk-default")


def shipped_policy(version: str) -> PolicyJson:
    """The document of one of `VERSIONS`."""
    assert version in VERSIONS, f"{version} does not ship with Keydesk"
    document: PolicyJson = json.loads((DIRECTORY / f"{version}.json").read_text(encoding="utf-8"))
    return document
