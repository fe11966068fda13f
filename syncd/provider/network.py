"""What the network's failure means, whichever HTTP client met it."""

from __future__ import annotations

from syncd.errors import ProviderError, RetryError, UnclearError

CLIENT_ERRORS = frozenset({"RequestException", "HTTPError", "HttpLib2Error"})
NOTHING_SENT = frozenset(
    {"NewConnectionError", "ConnectTimeoutError", "NameResolutionError", "ConnectTimeout", "ServerNotFoundError"}
)
CERTIFICATE_REMEDY = "Give the certificate authority's file as `ca_file`, or have the server's certificate renewed."


def network_failure(cause: BaseException, operation: str, *, writes: bool) -> ProviderError | None:
    """The error for an exception of an HTTP client; None for one that is none's.

    `writes` says that the request changes something: when it may have been sent, whether it was carried out is unclear.

    Told apart by class names along the chain of causes: which library (requests, niquests, urllib3 or its fork) raised
    depends on what is installed.
    """
    names = _names(cause)
    if not names & CLIENT_ERRORS:
        return None
    if "SSLError" in names or "SSLCertVerificationError" in names:
        return RetryError(f"{operation}: no trusted TLS connection.", code="tls", remedy=CERTIFICATE_REMEDY)
    if names & NOTHING_SENT:
        return RetryError(f"{operation}: the server cannot be reached.", code="unreachable")
    if writes:
        return UnclearError(f"{operation}: the connection broke before the answer came.")
    return RetryError(f"{operation}: the connection broke before the answer came.", code="connection_lost")


def _names(cause: BaseException) -> set[str]:
    """Class names of an exception, its ancestors, and everything it wraps, in `args` or as cause."""
    names: set[str] = set()
    waiting, seen = [cause], set()
    while waiting:
        error = waiting.pop()
        if id(error) in seen:
            continue
        seen.add(id(error))
        names.update(kind.__name__ for kind in type(error).__mro__)
        inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
        waiting += [e for e in inner if isinstance(e, BaseException)]
    return names
