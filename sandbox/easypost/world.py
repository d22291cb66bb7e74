"""The time, settings and faults that both modes of the stand-in share."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.clock import Agenda, Clock
from sandbox.easypost.settings import EasyPostSettings
from sandbox.faults import FaultPlan


@dataclass(slots=True)
class EasyPostWorld:
    """What both modes share."""

    clock: Clock
    agenda: Agenda
    faults: FaultPlan
    settings: EasyPostSettings
