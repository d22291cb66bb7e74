"""The time, settings and faults that both modes of the stand-in share."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.clock import Agenda, Clock
from sandbox.faults import FaultPlan
from sandbox.stripe.settings import StripeSettings


@dataclass(slots=True)
class StripeWorld:
    """What both modes share. Clock and agenda are those of all stand-ins; the faults are Stripe's own."""

    clock: Clock
    agenda: Agenda
    faults: FaultPlan
    settings: StripeSettings
