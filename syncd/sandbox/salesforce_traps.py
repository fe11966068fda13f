"""The switches: what goes wrong in Salesforce, on demand.

Those in `CALLS` refuse a whole request, those in `RECORDS` the write of a record, which may be one of several. `path`
of a fault is matched with the path of the request, and with that of a subrequest.

Source: salesforce-rest.facts.json, `error_codes_used`; messages from memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from .faults import Fault
from .issuer import SWITCHES as ISSUER_SWITCHES
from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_store import Record

CALLS: Mapping[str, tuple[str, str]] = {
    "invalid-session": ("INVALID_SESSION_ID", "Session expired or invalid"),
    "unavailable": ("SERVER_UNAVAILABLE", "Server unavailable"),
    "unknown-error": (
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567-12345 (1234567890)",
    ),
    "daily-limit": ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "concurrent-limit": ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    "api-off": ("API_CURRENTLY_DISABLED", "API is currently disabled for this user"),
    "api-disabled": ("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"),
}
"""Switch -> the refusal of the request."""

RECORDS: Mapping[str, tuple[str, str]] = {
    "lock": ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: {id}"),
    "trigger": (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "SyncTrigger: execution of BeforeInsert\n\ncaused by: System.NullPointerException: Attempt to de-reference a "
        "null object\n\nTrigger.SyncTrigger: line 7, column 1",
    ),
    "validation": ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule refuses this record"),
    "filtered": ("FIELD_FILTER_VALIDATION_EXCEPTION", "Value does not exist or does not match filter criteria."),
    "approval-lock": ("ENTITY_IS_LOCKED", "the entity is locked for editing"),
    "read-only": ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
    "no-access": (
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "insufficient access rights on cross-reference id: {id}",
    ),
    "storage": ("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),
}
"""Switch -> the refusal of the record; `value` {"message", "fields"} says other words."""

SWITCHES: Mapping[str, str] = {
    **ISSUER_SWITCHES,
    **{kind: f"{code}: the request is refused; `value` seconds as Retry-After" for kind, (code, _) in CALLS.items()},
    **{kind: f"{code}: the write of a record is refused" for kind, (code, _) in RECORDS.items()},
    "deleted": "ENTITY_IS_DELETED for the record of the path",
    "duplicates": "DUPLICATES_DETECTED without a duplicate rule; the records with the same e-mail are named, if any",
    "spelt-right": "DUPLICATES_DETECTED has `duplicateResult` instead of the misspelt `duplicateResut`",
    "removed-field": "the field in `value` is unknown to queries and writes, though describe tells it, until cleared",
    "query-timeout": "QUERY_TIMEOUT for a query",
    "too-large": "OPERATION_TOO_LARGE for a query",
    "locator-expired": "INVALID_QUERY_LOCATOR for the next rows of a query",
    "reversed-rows": "rows that no ORDER BY sorts come the other way round",
    "search-lag": "a search does not find what was made in the last `value` seconds",
    "part-fails": "the subrequest with the reference id in `value` is refused with UNABLE_TO_LOCK_ROW",
    "inactive-user": "tokens are refused: the user is not active any more",
}


def refuse(call: Call) -> SalesforceError | None:
    """Refuse a request where a switch says so; what is returned is to be raised once it is carried out."""
    for kind, (code, message) in CALLS.items():
        fault = call.switch(kind)
        if fault is not None:
            waits = {} if fault.value is None else {"Retry-After": str(fault.value)}
            error = SalesforceError(code, message, headers=waits)
            if not fault.after:
                raise error
            return error
    return None


def strike(call: Call, record: Record | None = None) -> None:
    """Refuse the write of a record where a switch says so. Raises SalesforceError."""
    for kind, (code, message) in RECORDS.items():
        fault = call.switch(kind)
        if fault is not None:
            raise _refusal(fault, code, message.format(id=record.id if record else call.user.id))


def _refusal(fault: Fault, code: str, message: str) -> SalesforceError:
    told = fault.value if isinstance(fault.value, dict) else {}
    return SalesforceError(code, told.get("message", message), told.get("fields", []))
