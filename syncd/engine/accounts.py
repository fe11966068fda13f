"""Connecting: users, connections and their calendars. Every change is one transaction, after the provider was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from syncd.connector.oauth import expires_at, settled
from syncd.errors import InputError, ProviderError, ReconnectError, VaultError
from syncd.model.calendar import Probe, RemoteCalendar
from syncd.model.clock import Clock
from syncd.model.connection import ConnectionState
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.rules.connection import ConnectionEvent
from syncd.settings import Busy
from syncd.store import delegations, directory, tokens
from syncd.store.database import Database
from syncd.store.tables import Calendar, Connection
from syncd.vault import Binding, CredentialVault

from .delegations import Delegations
from .opening import UNSTORED
from .pool import ConnectorPool, as_park_error, as_provider_error
from .results import Results

BY_HAND = {
    ConnectionState.ACTIVE: ConnectionEvent.RESUMED,
    ConnectionState.PAUSED: ConnectionEvent.PAUSED,
    ConnectionState.INVALID: ConnectionEvent.REFUSED,
}
"""What a person says who asks for a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A connection that was made or mended: its id, what its probe found, its calendars new to us, and which of them
    are now checked for conflicts.
    """

    connection_id: int
    probe: Probe
    new_calendars: tuple[str, ...]
    selected: tuple[str, ...] = ()


class Accounts:
    """Adds, tests, mends and removes connections, and lists their calendars.

    `on_credential` is told the id of each connection that a person gave a credential, once it is stored.
    """

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        pool: ConnectorPool,
        results: Results,
        settings: Busy,
        clock: Clock,
        delegations: Delegations,
        on_credential: Callable[[int], object] = lambda connection_id: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._pool = pool
        self._results = results
        self._settings = settings
        self._clock = clock
        self._delegations = delegations
        self.on_credential = on_credential

    def add(
        self,
        user_id: int,
        app: str,
        credential: Mapping[str, Any],
        settings: Mapping[str, Any],
        *,
        delegation_id: int | None = None,
    ) -> Connected:
        """Connect a user to an app: asks the provider first, stores only what it accepts.

        A user has one connection per app and account; adding it again is refused. With a delegation, `credential` is
        its `subject` for the user.

        Raises:
            ProviderError: the provider refuses the credential or cannot be asked; nothing is stored.
            InputError: the user already has this account.
        """
        probe, listing = self._ask(None, user_id, app, credential, settings, delegation_id)
        now = self._clock()
        with self._database.write() as session:
            self._refuse_twice(session, user_id, app, probe.account)
            row = Connection(
                user_id=user_id,
                app=app,
                account=probe.account,
                state=ConnectionState.ACTIVE,
                envelope="",
                settings=dict(settings),
                created_at=now,
                updated_at=now,
                probed_at=now,
            )
            session.add(row)
            session.flush()
            assert row.id is not None
            self._put_credential(session, row, credential, now, delegation_id)
            new, _ = self._store_listing(session, row.id, listing, now)
            chosen = self._first_choices(session, new, now)
        self._tell_of(row.id, delegation_id)
        return Connected(
            connection_id=row.id,
            probe=probe,
            new_calendars=tuple(c.name for c in new),
            selected=tuple(c.name for c in chosen),
        )

    def reconnect(
        self, connection_id: int, credential: Mapping[str, Any], *, delegation_id: int | None = None
    ) -> Connected:
        """Give a connection a new credential; it keeps its id, calendars and references, and becomes ACTIVE.

        It is of the delegation from now on, if any, and of no other.

        Raises:
            ProviderError: the provider refuses the credential; the old one stays.
            InputError: the credential is of another account.
        """
        with self._database.read() as session:
            row = directory.get_connection(session, connection_id)
        probe, listing = self._ask(connection_id, row.user_id, row.app, credential, row.settings, delegation_id)
        if row.account and probe.account and row.account.casefold() != probe.account.casefold():
            raise InputError(
                f"Connection {connection_id} is {row.account}; this credential is of {probe.account}.",
                code="other_account",
                remedy="Add it as a connection of its own: syncd connections add",
            )
        now = self._clock()
        with self._database.write() as session:
            row = directory.get_connection(session, connection_id)
            row.probed_at = now
            self._put_credential(session, row, credential, now, delegation_id)
            directory.move_connection(session, connection_id, ConnectionEvent.RECONNECTED, now)
            new, _ = self._store_listing(session, connection_id, listing, now)
        self._pool.drop(connection_id)
        self._tell_of(connection_id, delegation_id)
        return Connected(connection_id=connection_id, probe=probe, new_calendars=tuple(c.name for c in new))

    def test(self, connection_id: int) -> Probe:
        """Ask the provider with the stored credential. An INVALID connection that is accepted becomes ACTIVE again.

        Raises:
            ProviderError: as the provider answered; a refused credential makes the connection INVALID.
        """
        with self._database.write() as session:
            row = directory.get_connection(session, connection_id)
            tokens.try_again_now(session, connection_id)
        self._pool.drop(connection_id)
        now = self._clock()
        try:
            probe = self._pool.run_any(connection_id, lambda connector: connector.probe())
        except Exception as error:
            known = as_provider_error(error)
            self._note_test(row, known, now)
            raise known from error
        self._note_test(row, None, now)
        return probe

    def settle(self, connection_id: int, *, choose: bool) -> Probe:
        """Test a connection whose credential was stored before its provider was asked, and list its calendars.

        With `choose` it is new: its primary calendar is checked for conflicts.

        Raises:
            ProviderError: as `test`; or the calendars could not be listed.
        """
        probe = self.test(connection_id)
        listing = self._pool.run_any(connection_id, lambda connector: connector.calendars())
        now = self._clock()
        with self._database.write() as session:
            row = directory.get_connection(session, connection_id)
            row.account, row.probed_at = probe.account or row.account, now
            session.add(row)
            new, _ = self._store_listing(session, connection_id, listing, now)
            if choose:
                self._first_choices(session, new, now)
        return probe

    def refresh_calendars(self, connection_id: int) -> tuple[list[str], list[str]]:
        """List the calendars of a connection anew: names of (new, gone). Selects and unselects nothing.

        Raises:
            ProviderError: the provider could not be asked; the list stays as it was.
        """
        listing = self._pool.run_any(connection_id, lambda connector: connector.calendars())
        now = self._clock()
        with self._database.write() as session:
            new, gone = self._store_listing(session, connection_id, listing, now)
        return [c.name for c in new], [c.name for c in gone]

    def remove(self, connection_id: int) -> None:
        """Forget a connection with its credential, calendars and references. Events at the provider stay."""
        with self._database.write() as session:
            session.delete(directory.get_connection(session, connection_id))
            delegations.forget_failure_of(session, connection_id)
        self._pool.drop(connection_id)

    def set_state(self, connection_id: int, state: ConnectionState) -> bool:
        """Pause or resume a connection; returns whether that was news."""
        with self._database.write() as session:
            directory.get_connection(session, connection_id)
            return directory.move_connection(session, connection_id, BY_HAND[state], self._clock())

    def _ask(
        self,
        connection_id: int | None,
        user_id: int,
        app: str,
        credential: Mapping[str, Any],
        settings: Mapping[str, Any],
        delegation_id: int | None,
    ) -> tuple[Probe, list[RemoteCalendar]]:
        try:
            opened = self._pool.open(connection_id or UNSTORED, app, credential, settings, delegation_id=delegation_id)
            try:
                return opened.probe(), opened.calendars()
            finally:
                opened.close()
        except (ProviderError, VaultError) as error:
            if delegation_id is None:
                raise
            known = as_park_error(error) if isinstance(error, VaultError) else error
            raise self._delegations.refused(delegation_id, user_id, connection_id, known) from error

    def _tell_of(self, connection_id: int, delegation_id: int | None) -> None:
        """Nobody else can use a delegation's credential."""
        if delegation_id is None:
            self.on_credential(connection_id)

    def _put_credential(
        self,
        session: Session,
        row: Connection,
        credential: Mapping[str, Any],
        now: datetime,
        delegation_id: int | None,
    ) -> None:
        assert row.id is not None
        row.delegation_id = delegation_id
        row.token_owner = ""  # whoever refreshed the old one knows nothing of this one
        delegations.forget_failure_of(session, row.id, delegation_id)
        binding = Binding(connection_id=row.id, app=row.app, user_id=row.user_id)
        complete = settled(credential, now)
        row.envelope = self._vault.seal_credential(complete, binding)
        session.add(row)
        session.flush()
        tokens.replaced(session, row.id, expires_at(complete), now)

    @staticmethod
    def _refuse_twice(session: Session, user_id: int, app: str, account: str) -> None:
        for other in directory.listed_connections(session, user_id=user_id, app=app):
            if other.account.casefold() == account.casefold():
                raise InputError(
                    f"User {user_id} already has {account} at {app}: connection {other.id}.",
                    code="already_connected",
                    remedy=f"Give it a new credential instead: syncd connections reconnect {other.id}",
                )

    def _store_listing(
        self, session: Session, connection_id: int, listing: list[RemoteCalendar], now: datetime
    ) -> tuple[list[Calendar], list[Calendar]]:
        policy, hours = self._settings.policy, self._settings.last_known_hours
        return directory.store_listing(session, connection_id, listing, policy, now, policy_hours=hours)

    @staticmethod
    def _first_choices(session: Session, new: list[Calendar], now: datetime) -> list[Calendar]:
        """A new connection's primary calendar is checked for conflicts; the only sensible one when none is marked.

        A destination is never chosen for a person.
        """
        ordinary = [c for c in new if not c.special]
        primary = [c for c in ordinary if c.is_primary] or (ordinary if len(ordinary) == 1 else [])
        for calendar in primary[:1]:
            directory.select_calendar(session, calendar, True, now)
        return primary[:1]

    def _note_test(self, row: Connection, error: ProviderError | None, now: datetime) -> None:
        assert row.id is not None
        result = SyncResult(
            at=now,
            operation=Operation.PROBE,
            outcome=Outcome.FAILED if error else Outcome.DONE,
            app=row.app,
            connection_id=row.id,
            code=error.code if error else "",
            error=str(error) if error else "",
            remedy=error.remedy if error else "",
        )
        with self._database.write() as session:
            current = session.get(Connection, row.id)
            # a credential given meanwhile has nothing to do with this refusal
            if isinstance(error, ReconnectError) and current is not None and current.envelope == row.envelope:
                directory.move_connection(
                    session, row.id, ConnectionEvent.REFUSED, now, reason=str(error), remedy=error.remedy
                )
            elif error is None:
                directory.move_connection(session, row.id, ConnectionEvent.ACCEPTED, now)
                delegations.forget_failure_of(session, row.id, row.delegation_id)
            self._results.store(session, [result])
        self._results.publish([result])
