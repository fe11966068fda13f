"""The platform whose credentials syncd shares, in both roles: what is configured, put together.

Nothing of it exists unless a secret is configured: then credentials are received, fresh tokens asked for, given away,
and new credentials pushed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

from .audit import Audit
from .credential_push import CredentialPusher
from .credential_sync import CredentialReceiver
from .platform_access import check_address, load_access
from .platform_answers import PlatformAnswers
from .runtime import Runtime

THREADS, THREAD_NAMES = 8, "syncd-platform"
FINISH_S = 30.0
"""How long a command that is done waits for its pushes."""

LAST_WORDS_S = 3.0
"""How long a stop waits for pushes that are given up to say so in the log."""


class _Threads:
    """Threads of the platform's own: a provider that hangs holds up no booking. Each starts when it is needed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=THREAD_NAMES)
        self._in_hand: set[Future[object]] = set()

    def run(self, work: Callable[[], object]) -> None:
        """Do it later.

        Raises:
            RuntimeError: they are closed.
        """
        future = self._executor.submit(work)
        self._in_hand.add(future)
        future.add_done_callback(self._in_hand.discard)

    def wait(self, within_s: float) -> None:
        """Wait until nothing is in hand, for so long at most."""
        wait(self._in_hand.copy(), timeout=within_s)

    def close(self) -> None:
        """Begin nothing more, and wait for nobody."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Platform:
    """The parts that talk with the platform. Close it before the runtime.

    Raises:
        ConfigError: a secret, key, header name or address that cannot be used.
    """

    def __init__(self, runtime: Runtime, environ: Mapping[str, str]) -> None:
        clock, sync = runtime.clock, runtime.settings.credential_sync
        self.access = load_access(sync, environ)
        self.audit = Audit(runtime.database, clock)
        self._threads = _Threads()
        self.background = self._threads.run
        self._close_client: Callable[[], None] = lambda: None
        self.pusher: CredentialPusher | None = None
        if self.access.is_on or self.access.endpoint:
            self._send(runtime)
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
            background=self.background,
        )
        self.answers = PlatformAnswers(
            runtime.database,
            runtime.tokens.fresh_credential,
            self.audit,
            token_minutes=sync.token_minutes,
            clock=clock,
        )

    def _send(self, runtime: Runtime) -> None:
        """Ask the platform for tokens, and push credentials to it, where it says how."""
        from syncd.source.platform import PlatformClient, PlatformTokens  # an HTTP client, for those alone who need it

        settings, clock = runtime.settings, runtime.clock
        client = PlatformClient(self.access, clock)
        self._close_client = client.close
        if self.access.endpoint:
            runtime.tokens.ask = PlatformTokens(client, settings.credential_sync.token_minutes, clock).ask
        if not self.access.is_on:
            return
        self.pusher = CredentialPusher(
            runtime.database,
            runtime.vault,
            client,
            runtime.results,
            access=self.access,
            url=check_address(settings.calcom.url, "calcom.url"),
            clock=clock,
            background=self.background,
        )
        runtime.accounts.on_credential = self.pusher.offer

    def finish(self, within_s: float = FINISH_S) -> None:
        """Let pushes in hand come to their end, with as many attempts as fit in that time."""
        self._threads.wait(within_s)

    def close(self) -> None:
        """End pushes that wait for their next attempt, and close sockets. Calls that hang are left behind."""
        if self.pusher is not None:
            self.pusher.close()
        self._threads.close()
        self._threads.wait(LAST_WORDS_S)
        self._close_client()
