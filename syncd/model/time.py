"""Windows of time: half-open, aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


def require_aware(moment: datetime) -> datetime:
    """`moment` in UTC. Raises ValueError when it carries no zone: a naive time means something else on each machine."""
    if moment.tzinfo is None:
        raise ValueError(f"naive time {moment.isoformat()}")
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open interval [start, end), aware UTC, start before end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", require_aware(self.start))
        object.__setattr__(self, "end", require_aware(self.end))
        if self.start >= self.end:
            raise ValueError(f"window ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")

    def covers(self, other: Window) -> bool:
        """Whether `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end
