"""Access tokens: refreshed before their end, once at a time over all threads and processes.

Theory. Whoever needs a newer token reads the row; one that is good enough is simply taken. Else it takes the lease on
the row as it read it, asks the provider, swaps the new credential in for the one it read, and only then is the new
access token used by anyone. Whoever finds the lease held waits, reads again, and so ends up with the holder's token.
Within a process a turn per connection comes first, so that one thread asks the database, not fifty.

A refresh token that rotates is thereby sent once, unless a holder dies after the provider answered and before the swap.
Its successor cannot know whether that happened. It sends the old refresh token again, because nothing else can be done;
where the provider punishes that, only once the access token has ended, and the error then says what happened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from syncd.connector.oauth import Renewed, renewed
from syncd.errors import (
    ConfigError,
    ParkError,
    ProviderError,
    ReconnectError,
    RetryError,
    StoreError,
    UnclearError,
    VaultError,
    WaitUntilError,
)
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.provider.guard import Tally, tally
from syncd.rules.refresh import RefreshPlan, Trouble, clock_skew, lock_timeout, refresh_at, trouble_of
from syncd.settings import Settings
from syncd.store import tokens
from syncd.store.database import Database
from syncd.store.tokens import TokenRow
from syncd.vault import CredentialVault

from .opening import Opener
from .pump import pump
from .results import Results
from .turns import Turns

HANDS, HANDS_PER_APP = 16, 4
"""Refreshes at once: in all, and of one app, so that a provider that hangs delays no other's."""

POLL_S = 0.2
"""How often a row is looked at whose refresh another process holds, and a store that failed is tried again."""

SKEW_TOLERATED = timedelta(minutes=2)

Ask = Callable[[int, str, Mapping[str, Any]], Mapping[str, Any]]
"""Asks the platform for a fresh token: user id, app, the credential so far -> its answer, or a `ProviderError`."""

Credential = dict[str, Any]
Enough = Callable[[TokenRow, Credential], bool]


@dataclass(slots=True)
class TokensReport:
    """What a round of refreshing did."""

    outcomes: Counter[str] = field(default_factory=Counter)


class Tokens:
    """Keeps the access tokens of connections fresh. Safe for several threads, and for several processes.

    Args:
        ask: how the platform is asked; None where there is none.
        monotonic, pause: how waiting for another process is measured and done.
        require: asked before each refresh; raises a `RetryError` where none may be done.
    """

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        opener: Opener,
        results: Results,
        settings: Settings,
        clock: Clock,
        *,
        ask: Ask | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._opener = opener
        self._results = results
        self._settings = settings.tokens
        self._platform_life = timedelta(minutes=settings.credential_sync.token_minutes)
        self._plan = RefreshPlan(
            ahead=timedelta(minutes=settings.tokens.refresh_ahead_minutes),
            jitter=timedelta(minutes=settings.tokens.jitter_minutes),
        )
        self._clock = clock
        self.ask = ask
        self._monotonic = monotonic
        self._pause = pause
        self._require = require
        self._turns = Turns(monotonic)

    def renew(self, connection_id: int, refused: str) -> None:
        """See that the stored access token is another than `refused`, which the provider did not accept.

        Raises:
            ReconnectError: the grant is gone, or nothing can refresh it; the connection is INVALID.
            WaitUntilError: refreshing failed, and waits before it tries again.
            RetryError: refreshing failed, or is held elsewhere for too long. The token may work again later.
        """
        self._fresh(connection_id, lambda row, credential: credential.get("access_token") != refused)

    def fresh_credential(self, connection_id: int, valid_for: timedelta = timedelta(minutes=5)) -> Mapping[str, Any]:
        """The credential with an access token that lives for at least `valid_for`, without the refresh token.

        Less than that where tokens live less than twice as long, or while refreshing fails and the token still lives.

        Raises:
            ReconnectError, WaitUntilError, RetryError: as `renew`.
            ParkError: the connection is gone, its envelope cannot be opened, or it has no access token.
        """

        def enough(row: TokenRow, credential: Credential) -> bool:
            if not credential.get("access_token"):
                raise ParkError(f"Connection {connection_id} has no access token.", code="no_access_token")
            return self._lives(row, min(valid_for, _life(row) / 2)) or (self._rests(row) and self._lives(row))

        try:
            self._fresh(connection_id, enough)
        except RetryError:
            row, credential = self._read(connection_id)
            if not self._lives(row):
                raise
        else:
            row, credential = self._read(connection_id)
            if not self._lives(row):
                raise clock_skew("The refreshed access token had ended when it came.", None)
        return {k: v for k, v in credential.items() if k != "refresh_token"}

    def due(self) -> list[int]:
        """Connections whose token is to be refreshed now."""
        return [row.id for row in self._due()]

    def run(
        self, executor: Executor, *, connection_id: int | None = None, stopping: Callable[[], bool] = lambda: False
    ) -> TokensReport:
        """Refresh every token that is due (of one connection). One another process is refreshing is left to it."""
        report = TokensReport()
        waiting = {row.id: row for row in self._due(connection_id)}
        in_hand: Counter[str] = Counter()

        def turn(ends: Sequence[tuple[TokenRow, str]], free: int) -> Sequence[TokenRow]:
            for row, outcome in ends:
                in_hand[row.app] -= 1
                report.outcomes[outcome] += 1
            chosen: list[TokenRow] = []
            for row in () if stopping() else tuple(waiting.values()):
                if len(chosen) < free and in_hand[row.app] < HANDS_PER_APP:
                    in_hand[row.app] += 1
                    chosen.append(waiting.pop(row.id))
            return chosen

        pump(executor, HANDS, turn, self._refresh_ahead)
        return report

    def _due(self, connection_id: int | None = None) -> list[TokenRow]:
        now = self._clock()
        with self._database.read() as session:
            rows = tokens.ending(session, now + self._plan.furthest, now, connection_id)
        return [row for row in rows if self._is_due(row)]

    def _is_due(self, row: TokenRow) -> bool:
        now = self._clock()
        at = refresh_at(row.facts(self._repeatable(row), now), self._plan)
        return at is not None and at <= now and self._refreshable(row)

    def _refreshable(self, row: TokenRow) -> bool:
        if row.by_platform:
            return self.ask is not None
        return row.app in self._opener.registry.apps and self._opener.registry.spec(row.app).refresh is not None

    def _refresh_ahead(self, row: TokenRow) -> tuple[TokenRow, str]:
        def enough(current: TokenRow, credential: Credential) -> bool:
            """Without a refresh token nothing can be done before the token's end, and then a person has to."""
            return not self._is_due(current) or not (current.by_platform or credential.get("refresh_token"))

        try:
            self._fresh(row.id, enough, wait_s=0.0)
        except Exception as error:  # one that is none of ours is a defect; the next round tries again
            return row, error.code if isinstance(error, ProviderError) else type(error).__name__
        return row, "refreshed"

    def _fresh(self, connection_id: int, enough: Enough, wait_s: float | None = None) -> Credential:
        """The stored credential, refreshed unless it is `enough`."""
        patience = self._settings.wait_seconds if wait_s is None else wait_s
        deadline = self._monotonic() + patience
        try:
            with self._turns.turn(connection_id, deadline):
                return self._fresh_in_turn(connection_id, enough, deadline)
        except TimeoutError:
            raise lock_timeout(connection_id, patience) from None

    def _fresh_in_turn(self, connection_id: int, enough: Enough, deadline: float) -> Credential:
        while True:
            row, credential = self._read(connection_id)
            if enough(row, credential):
                return credential
            self._require()
            self._keep_waiting(row)
            held = self._take(row)
            if held is not None:
                return self._refresh(held, credential)
            if self._monotonic() >= deadline:
                raise TimeoutError
            self._pause(POLL_S)

    def _read(self, connection_id: int) -> tuple[TokenRow, Credential]:
        with self._database.read() as session:
            row = tokens.get(session, connection_id)
        if row is None:
            raise ParkError(f"Connection {connection_id} was removed.", code="connection_gone")
        return row, self._open(row)

    def _open(self, row: TokenRow) -> Credential:
        try:
            return self._vault.open_credential(row.envelope, row.binding)
        except VaultError as error:
            raise ParkError(str(error), code=error.code, remedy=error.remedy) from error

    def _keep_waiting(self, row: TokenRow) -> None:
        """Do not ask again before the back-off is over."""
        if row.refresh_retry_at is None or row.refresh_retry_at <= self._clock():
            return
        if row.state == ConnectionState.INVALID:
            raise ReconnectError(row.reason, code=row.refresh_code, remedy=row.remedy)
        error = WaitUntilError(row.reason or "Refreshing failed.", retry_at=row.refresh_retry_at, code=row.refresh_code)
        error.remedy = row.remedy or error.remedy
        raise error

    def _take(self, row: TokenRow) -> TokenRow | None:
        now = self._clock()
        with self._database.write() as session:
            return tokens.take(session, row, now, now + timedelta(seconds=self._settings.lock_seconds))

    def _refresh(self, held: TokenRow, credential: Credential) -> Credential:
        """Refresh what we hold the lease for. Whatever happens, the lease is given back."""
        with tally() as counted:
            try:
                answer = self._exchange(held, credential)
                life = self._platform_life if held.by_platform else None
                fresh = renewed(credential, answer, self._clock(), default_life=life)
            except Exception as error:
                raise self._failed(held, error, counted) from None  # a client's error may quote the token
        return self._store(held, credential, fresh, counted)

    def _exchange(self, row: TokenRow, credential: Credential) -> Mapping[str, Any]:
        if row.by_platform:
            if self.ask is None:
                raise RetryError(
                    "The platform refreshes this token, and no endpoint of it is set.",
                    code="platform_unset",
                    remedy="Set [credential_sync] endpoint.",
                )
            return self.ask(row.user_id, row.app, credential)
        spec = self._opener.registry.spec(row.app)
        if spec.refresh is None or not credential.get("refresh_token"):
            raise ReconnectError(
                "The access token is not accepted any more, and there is no refresh token.", code="no_refresh_token"
            )
        return spec.refresh(self._opener.opened(row.id, row.app, credential, row.settings, for_refresh=True))

    def _store(self, held: TokenRow, credential: Credential, fresh: Renewed, counted: Tally) -> Credential:
        """Keep the new credential. The old refresh token may be used up, so a store that fails is tried again."""
        envelope = self._vault.seal_credential(fresh.credential, held.binding)
        while True:
            try:
                return self._swap(held, credential, envelope, fresh, counted)
            except (StoreError, SQLAlchemyError):
                if held.is_free(self._clock()):  # our lease has ended
                    lost = UnclearError("The refreshed token could not be stored.", code="refresh_not_stored")
                    raise self._failed(held, lost, counted) from None
            self._pause(POLL_S)

    def _swap(self, held: TokenRow, credential: Credential, new: str, fresh: Renewed, counted: Tally) -> Credential:
        """Swap the new credential in. One that somebody gave meanwhile wins; one only sealed anew does not."""
        old = held.envelope
        while not self._swapped(held, old, new, fresh, counted):
            row, theirs = self._read(held.id)
            if theirs != credential:
                with self._database.write() as session:
                    tokens.release(session, held)
                return theirs
            old = row.envelope
        return fresh.credential

    def _swapped(self, held: TokenRow, old: str, new: str, fresh: Renewed, counted: Tally) -> bool:
        now = self._clock()
        trouble = self._expired_on_arrival(held, fresh)
        result = self._result(held, counted, trouble, detail=_skew_note(fresh))
        with self._database.write() as session:
            if not tokens.swap(session, held.id, old, new, fresh.expires_at, now):
                return False
            if trouble:
                tokens.fail(session, replace(held, envelope=new), trouble, now)
            tokens.release(session, held)
            self._results.store(session, [result])
        self._results.publish([result])
        return True

    def _expired_on_arrival(self, held: TokenRow, fresh: Renewed) -> Trouble | None:
        """A token that has ended by our clock: it is stored, for its refresh token, and not asked for again at once."""
        now = self._clock()
        if fresh.expires_at is None or fresh.expires_at > now:
            return None
        error = clock_skew("The refreshed access token had ended when it came.", fresh.skew)
        return trouble_of(error, held.facts(True, now), failures=held.refresh_failures, now=now)

    def _failed(self, held: TokenRow, error: Exception, counted: Tally) -> ProviderError:
        """Write the failure down; what callers are told."""
        now = self._clock()
        facts = held.facts(self._repeatable(held), now)
        trouble = trouble_of(_known(error), facts, failures=held.refresh_failures, now=now)
        result = self._result(held, counted, trouble)
        with self._database.write() as session:
            tokens.fail(session, held, trouble, now)
            tokens.release(session, held)
            self._results.store(session, [result])
        self._results.publish([result])
        return trouble.error

    def _repeatable(self, row: TokenRow) -> bool:
        if row.by_platform or row.app not in self._opener.registry.apps:
            return True
        return self._opener.registry.spec(row.app).refresh_repeatable

    def _lives(self, row: TokenRow, at_least: timedelta = timedelta()) -> bool:
        """Whether the token has `at_least` this long to live. One whose end nobody knows has."""
        end = row.token_expires_at
        return end is None or (end > self._clock() and end - self._clock() >= at_least)

    def _rests(self, row: TokenRow) -> bool:
        """Whether refreshing again may cost the grant, and is left until the token has ended."""
        repeatable = self._repeatable(row)
        return not repeatable and row.facts(repeatable, self._clock()).lost_at is not None

    def _result(self, row: TokenRow, counted: Tally, trouble: Trouble | None, detail: str = "") -> SyncResult:
        outcome = Outcome.DONE if trouble is None else Outcome.FAILED if trouble.refused else Outcome.RETRY
        error = trouble.error if trouble else None
        return SyncResult(
            at=self._clock(),
            operation=Operation.REFRESH,
            outcome=outcome,
            app=row.app,
            connection_id=row.id,
            attempt=row.refresh_failures + 1,
            calls=counted.calls,
            seconds=round(counted.seconds, 4),
            request_id=(error.request_id or "") if error else "",
            code=error.code if error else "",
            error=str(error) if error else "",
            remedy=error.remedy if error else "",
            retry_at=trouble.retry_at if trouble and not trouble.refused else None,
            detail=detail,
        )


def _life(row: TokenRow) -> timedelta:
    """How long the token lives from its refresh to its end."""
    if row.token_expires_at is None or row.refreshed_at is None:
        return timedelta.max
    return max(row.token_expires_at - row.refreshed_at, timedelta())


def _known(error: Exception) -> ProviderError:
    """What went wrong, as an error that says what to do next. A setting of ours is the operator's to mend."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, ConfigError):
        return ParkError(str(error), code=error.code, remedy=error.remedy)
    return RetryError(f"Unexpected {type(error).__name__} in the refresh.", code="defect")


def _skew_note(fresh: Renewed) -> str:
    if fresh.skew is None or abs(fresh.skew) <= SKEW_TOLERATED:
        return ""
    return f"the provider's clock is {fresh.skew.total_seconds():+.0f} s from ours"
