"""Enumerations with labels for the choices of a model field, without importing Django."""

from enum import StrEnum
from typing import Self


class Choices(StrEnum):
    """A string enumeration whose members carry a label: `PLANNED = "planned", "to be labelled"`."""

    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Pairs of value and label, as a model field's `choices` wants them."""
        return [(member.value, member.label) for member in cls]
