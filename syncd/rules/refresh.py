"""When an access token is refreshed, and what a refresh that failed means.

    what failed                          code                        who is told what
    the provider cannot be reached       refresh_unreachable         nobody: tried again after a back-off
    the answer was lost                  refresh_unanswered          nobody: tried again, see `refresh_at`
    the provider limits the rate         refresh_throttled           nobody: tried again when it said
    wrong client id or secret            client_refused              the operator: mend the configuration
    expired, revoked or withdrawn grant  grant_revoked               the person: connect again
    the same, after a lost answer        refresh_answer_lost         the person: connect again, and why
    the clocks disagree                  clock_skew                  the operator: set the clock
    somebody else holds the refresh      refresh_lock_timeout        nobody: tried again

Only a refused grant makes the connection INVALID. After any other failure it works as long as its access token does.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.errors import ParkError, ProviderError, ReconnectError, RetryError, UnclearError, WaitUntilError

from .retry import RetryPolicy, back_off_ceiling

FAILED_REFRESHES = RetryPolicy(base=timedelta(seconds=30), cap=timedelta(minutes=15))
REFUSED_AGAIN = timedelta(hours=1)
"""Before a grant that was refused is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPlan:
    """How far ahead of its end an access token is refreshed: `ahead`, and up to `jitter` more, so that many connected
    in one minute do not refresh in one minute.
    """

    ahead: timedelta = timedelta(minutes=10)
    jitter: timedelta = timedelta(minutes=5)

    @property
    def furthest(self) -> timedelta:
        """The longest before its end that a token may be refreshed."""
        return self.ahead + self.jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What is known of a connection's access token.

    `repeatable`: a refresh token may be sent twice. `lost_at`: when an answer to a refresh was lost; none came since.
    """

    connection_id: int
    expires_at: datetime | None
    refreshed_at: datetime | None = None
    retry_at: datetime | None = None
    lost_at: datetime | None = None
    repeatable: bool = True


def refresh_at(facts: TokenFacts, plan: RefreshPlan) -> datetime | None:
    """When the token is to be refreshed ahead of its end; None when its end is unknown.

    Never before half its life: a platform may hand out tokens that live shorter than `plan.ahead`. Where an answer was
    lost and the provider kills the grant of a refresh token sent twice, not before the token has ended: it still works.
    """
    if facts.expires_at is None:
        return None
    lead = plan.ahead + plan.jitter * spread(facts.connection_id, facts.expires_at)
    if facts.refreshed_at is not None:
        lead = min(lead, max(facts.expires_at - facts.refreshed_at, timedelta()) / 2)
    if facts.lost_at is not None and not facts.repeatable:
        lead = timedelta()
    due = facts.expires_at - lead
    return max(due, facts.retry_at) if facts.retry_at else due


def spread(connection_id: int, moment: datetime) -> float:
    """A number in [0, 1) that is the same for every process, and another one for each connection and each time."""
    return zlib.crc32(f"{connection_id}:{moment.timestamp():.3f}".encode()) / 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What a failed refresh means. `error` is what callers are told: `ReconnectError` when a person must act, else an
    error that is tried again. `retry_at`: not asked again before. `lost`: the provider may have carried it out.
    """

    error: ProviderError
    retry_at: datetime
    refused: bool = False
    lost: bool = False


UNREACHABLE = "Nothing to do: syncd tries again. If it lasts, see whether this machine reaches the provider."
WRONG_CLIENT = "Mend the client id and secret of this app, and see that they have not expired at the provider."
LOST = "Connect again: syncd connections reconnect ID. A refresh token can be sent once, and the answer was lost."
CLOCK = "Set this machine's clock: timedatectl status. If it is right, the clock of whoever gives the tokens is not."


def trouble_of(error: ProviderError, facts: TokenFacts, *, failures: int, now: datetime) -> Trouble:
    """What follows a refresh that failed with `error`, after `failures` earlier ones in a row."""
    wait = now + back_off_ceiling(failures, FAILED_REFRESHES) * (0.5 + 0.5 * spread(facts.connection_id, now))
    if isinstance(error, ReconnectError):
        return Trouble(error=_refused(error, facts), retry_at=now + REFUSED_AGAIN, refused=True)
    if isinstance(error, WaitUntilError):
        told = WaitUntilError(
            f"Refresh: {error}", retry_at=error.retry_at, status=error.status, code="refresh_throttled"
        )
        return Trouble(error=told, retry_at=max(error.retry_at, now))
    if isinstance(error, UnclearError):
        code = error.code if error.code != UnclearError.code else "refresh_unanswered"
        return Trouble(error=_again(error, code, error.remedy), retry_at=wait, lost=True)
    if isinstance(error, ParkError):
        remedy = WRONG_CLIENT if error.code == "client_refused" else error.remedy
        return Trouble(error=_again(error, error.code, remedy), retry_at=wait)
    code = error.code if error.code != RetryError.code else "refresh_unreachable"
    return Trouble(error=_again(error, code, error.remedy or UNREACHABLE), retry_at=wait)


def _refused(error: ReconnectError, facts: TokenFacts) -> ReconnectError:
    if facts.lost_at is not None and not facts.repeatable:
        at = facts.lost_at.isoformat(timespec="seconds")
        return _told(
            ReconnectError(
                f"The provider refuses the refresh token, and the answer to the refresh of {at} was lost: {error}",
                code="refresh_answer_lost",
                remedy=LOST,
                status=error.status,
                request_id=error.request_id,
            ),
            facts,
        )
    code = error.code if error.code != ReconnectError.code else "grant_revoked"
    return _told(
        ReconnectError(str(error), code=code, remedy=error.remedy, status=error.status, request_id=error.request_id),
        facts,
    )


def _told(error: ReconnectError, facts: TokenFacts) -> ReconnectError:
    error.remedy = error.remedy.replace("reconnect ID", f"reconnect {facts.connection_id}")
    return error


def _again(error: ProviderError, code: str, remedy: str) -> RetryError:
    """The work that needed the token was not sent: it may simply be tried again."""
    return RetryError(str(error), code=code, remedy=remedy, status=error.status, request_id=error.request_id)


def lock_timeout(connection_id: int, waited_s: float) -> RetryError:
    """Another thread or process has been refreshing for too long. It says nothing about the credential."""
    return RetryError(
        f"Connection {connection_id} is being refreshed elsewhere, for more than {waited_s:.0f} s.",
        code="refresh_lock_timeout",
        remedy="Nothing to do: syncd tries again; a process that died is replaced when its lock ends.",
    )


def clock_skew(what: str, skew: timedelta | None) -> RetryError:
    """A token that the clocks disagree about."""
    told = f" The provider's clock is {skew.total_seconds():+.0f} s from ours." if skew is not None else ""
    return RetryError(f"{what}{told}", code="clock_skew", remedy=CLOCK)
