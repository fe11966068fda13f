"""Pushing: a credential that a person gave syncd goes to the Cal.com instance that syncd is the platform of.

It carries no refresh token: Cal.com asks for fresh tokens (`platform_answers`). Cal.com keeps one credential per user
and app, and an update does not clear its `invalid` mark (facts: calcom-calendars, 3.3).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from syncd.errors import InputError, ParkError, ProviderError, RetryError, VaultError, WaitUntilError
from syncd.model.clock import Clock
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.source.credential_sync import PlatformAccess
from syncd.source.key_objects import SHAPES, to_key_object
from syncd.store import directory
from syncd.store.database import Database
from syncd.store.tables import Connection
from syncd.vault import Binding, CredentialVault
from syncd.vault.calcom import encode_legacy

from .credential_sync import Background
from .results import Results

if TYPE_CHECKING:
    from syncd.source.platform import PlatformClient

WAITS_S = (1.0, 4.0, 15.0, 60.0)
"""Between attempts; after the last the push is given up."""


class CredentialPusher:
    """Pushes credentials in the background. Close it before the threads end.

    `pause` waits for so many seconds and says whether to stop; it is replaced in tests.
    """

    def __init__(
        self,
        database: Database,
        vault: CredentialVault,
        client: PlatformClient,
        results: Results,
        *,
        access: PlatformAccess,
        url: str,
        clock: Clock,
        background: Background,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._client = client
        self._results = results
        self._access = access
        self._url = url
        self._clock = clock
        self._background = background
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait

    def close(self) -> None:
        """End the waits of pushes in hand; what was not delivered is in the log as failed."""
        self._stopping.set()

    def offer(self, connection_id: int) -> None:
        """Push a connection's credential later, where an instance is configured."""
        if not self._url:
            return
        try:
            self._background(lambda: self.push(connection_id))
        except RuntimeError:  # the threads have ended: the process stops
            error = ParkError(
                "syncd stopped before it was pushed.", code="push_stopped", remedy=_push_again(connection_id)
            )
            self._note(connection_id, "", 0, error)

    def push(self, connection_id: int) -> bool:
        """Push a connection's credential now, as often as it takes; whether Cal.com has it. The sync log says how."""
        app, attempt = "", 0
        while True:
            attempt += 1
            try:
                row = self._row(connection_id)
                app = row.app
                was_new = self._client.deliver(self._url, row.user_id, row.app, self._keys(row))
            except RetryError as error:
                if attempt <= len(WAITS_S) and not self._pause(self._wait_s(error, attempt)):
                    continue
                self._note(connection_id, app, attempt, _given_up(error, connection_id))
                return False
            except ProviderError as error:
                self._note(connection_id, app, attempt, error)
                return False
            self._note(connection_id, app, attempt, None, "created" if was_new else "updated")
            return True

    def _row(self, connection_id: int) -> Connection:
        try:
            with self._database.read() as session:
                return directory.get_connection(session, connection_id)
        except InputError:
            raise ParkError("It was removed.", code="connection_gone") from None

    def _keys(self, row: Connection) -> str:
        """The credential as it is now: a later one must not be replaced by an earlier one that waited."""
        assert row.id is not None
        shape = SHAPES.get(row.app)
        if shape is None:
            raise ParkError(f"Cal.com has no app {row.app!r}.", code="push_unknown_app")
        if shape.wrapped and not self._access.storage_key:
            raise ParkError(
                f"Cal.com stores {row.app} encrypted by its CALENDSO_ENCRYPTION_KEY, which is not configured here.",
                code="storage_key_missing",
                remedy=f"Set credential_sync.storage_key_file, then: {_push_again(row.id)}",
            )
        try:
            binding = Binding(connection_id=row.id, app=row.app, user_id=row.user_id)
            text = json.dumps(to_key_object(row.app, self._vault.open_credential(row.envelope, binding)))
        except VaultError as error:
            raise ParkError(error.message, code=error.code, remedy=error.remedy) from None
        if shape.wrapped:
            text = json.dumps(encode_legacy(self._access.storage_key, text))
        return encode_legacy(self._access.key, text)

    def _wait_s(self, error: RetryError, attempt: int) -> float:
        told = (error.retry_at - self._clock()).total_seconds() if isinstance(error, WaitUntilError) else 0.0
        return max(WAITS_S[attempt - 1], min(told, WAITS_S[-1]))

    def _note(self, connection_id: int, app: str, attempt: int, error: ProviderError | None, detail: str = "") -> None:
        result = SyncResult(
            at=self._clock(),
            operation=Operation.PUSH_CREDENTIAL,
            outcome=Outcome.FAILED if error else Outcome.DONE,
            app=app,
            connection_id=connection_id,
            attempt=attempt,
            code=error.code if error else "",
            error=str(error) if error else "",
            remedy=error.remedy if error else "",
            detail=detail,
        )
        with self._database.write() as session:
            self._results.store(session, [result])
        self._results.publish([result])


def _given_up(error: RetryError, connection_id: int) -> ProviderError:
    cause = "" if error.remedy == RetryError.remedy else f"{error.remedy} "
    remedy = f"{cause}Then push it again: {_push_again(connection_id)}"
    return ParkError(error.message, code=error.code, remedy=remedy, status=error.status)


def _push_again(connection_id: int) -> str:
    return f"syncd connections reconnect {connection_id}"
