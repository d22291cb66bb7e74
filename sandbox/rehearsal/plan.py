"""Size of a rehearsal: keys, people, weeks and seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FULL_PROJECTS, FULL_CRITICAL, FULL_MAINTAINERS, FULL_KEYS = 350_000, 3_818, 8_218, 4_000
FULL_WEEKS = 8
DEFAULT_START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """The size of a rehearsal, by default that of the 2022 programme; a smaller one keeps its proportions."""

    seed: int = 1
    keys: int = FULL_KEYS
    maintainers: int = FULL_MAINTAINERS
    weeks: int = FULL_WEEKS
    start: datetime = DEFAULT_START
    downloads: Path | None = None
    faults: str = "none"

    @property
    def critical(self) -> int:
        return max(1, self.maintainers * FULL_CRITICAL // FULL_MAINTAINERS)

    @property
    def projects(self) -> int:
        return max(self.critical, self.maintainers * FULL_PROJECTS // FULL_MAINTAINERS)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(weeks=self.weeks)

    @property
    def claim_share(self) -> float:
        """Share of maintainers who try to claim. About a third of them are refused (2FA, region), so at full
        size some 1,400 of the 4,000 keys are sent in eight weeks."""
        return 0.17
