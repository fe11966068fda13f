"""The platform whose credentials syncd shares, in both roles: what is configured, put together.

Nothing of it exists unless a secret is configured: then credentials are received, fresh tokens asked for, given away,
and new credentials pushed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.source.platform import PlatformClient, PlatformTokens

from .audit import Audit
from .credential_push import CredentialPusher
from .credential_sync import CredentialReceiver
from .platform_access import check_address, load_access
from .platform_answers import PlatformAnswers
from .runtime import Runtime


class Platform:
    """The parts that talk with the platform. Close it before the runtime.

    Raises:
        ConfigError: a secret, key, header name or address that cannot be used.
    """

    def __init__(self, runtime: Runtime, environ: Mapping[str, str]) -> None:
        settings, clock = runtime.settings, runtime.clock
        sync = settings.credential_sync
        self.access = load_access(sync, environ)
        self.audit = Audit(runtime.database, clock)
        self._client = PlatformClient(self.access, clock)
        if self.access.endpoint:
            runtime.tokens.ask = PlatformTokens(self._client, sync.token_minutes, clock).ask
        self._pusher = CredentialPusher(
            runtime.database,
            runtime.vault,
            self._client,
            runtime.results,
            access=self.access,
            url=check_address(settings.calcom.url, "calcom.url") if self.access.is_on else "",
            clock=clock,
            background=_background(runtime),
        )
        runtime.accounts.on_credential = self._pusher.offer
        self.receiver = CredentialReceiver(
            runtime.database,
            runtime.vault,
            runtime.pool,
            runtime.accounts,
            runtime.results,
            self.audit,
            access=self.access,
            settings=sync,
            clock=clock,
            background=_background(runtime),
        )
        self.answers = PlatformAnswers(
            runtime.database,
            runtime.tokens.fresh_credential,
            self.audit,
            token_minutes=sync.token_minutes,
            clock=clock,
        )

    def close(self) -> None:
        """End pushes that wait for their next attempt, and close sockets."""
        self._pusher.close()
        self._client.close()


def _background(runtime: Runtime) -> Callable[[Callable[[], object]], object]:
    return lambda work: runtime.executor.submit(work)
