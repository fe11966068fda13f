"""How Salesforce refuses: an array of `message`, `errorCode` and, for records, `fields`.

Source: salesforce-rest.facts.json, `error_bodies` and `error_codes_used` (codes and statuses), `wsdl_enumerations` (the
other codes used here); messages from memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .kernel import Answer

STATUSES: Mapping[str, int] = {
    "INVALID_SESSION_ID": 401,
    "INVALID_AUTH_HEADER": 401,
    "API_DISABLED_FOR_ORG": 403,
    "API_CURRENTLY_DISABLED": 403,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "UNSUPPORTED_API_VERSION": 404,
    "METHOD_NOT_ALLOWED": 405,
    "PRECONDITION_FAILED": 412,
    "URI_TOO_LONG": 414,
    "UNKNOWN_EXCEPTION": 500,
    "SERVER_UNAVAILABLE": 503,
}
"""Code -> status; 400 for the others. The facts assume 400 for UNABLE_TO_LOCK_ROW."""

ENTITY_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


class SalesforceError(ValueError):
    """A refusal by its code. `fields` are those it is about (None: not an error of a record); `extra` is put beside."""

    def __init__(
        self,
        code: str,
        message: str,
        fields: Sequence[str] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status or STATUSES.get(code, 400)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self) -> list[dict[str, Any]]:
        """The answer's body."""
        about = {} if self.fields is None else {"fields": list(self.fields)}
        return [{**self.extra, "message": self.message, "errorCode": self.code, **about}]

    def answer(self) -> Answer:
        """The refusal as it is sent."""
        return Answer(self.status, self.body(), dict(self.headers))

    def item(self) -> dict[str, Any]:
        """The refusal of one record of a collection."""
        extra = {key.replace("duplicateResut", "duplicateResult"): value for key, value in self.extra.items()}
        told = {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ()), **extra}
        return {"success": False, "errors": [told]}


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    """Nothing there, or nothing that may be seen."""
    return SalesforceError("NOT_FOUND", message)


def no_such_column(name: str, entity: str, preamble: str = "") -> SalesforceError:
    """A query names a field that the object has not."""
    return SalesforceError("INVALID_FIELD", f"{preamble}No such column '{name}' on entity '{entity}'. {ENTITY_ADVICE}")


def unknown_type(name: str, preamble: str = "") -> SalesforceError:
    """A query names an object that is not there or that the person may not see."""
    return SalesforceError(
        "INVALID_TYPE",
        f"{preamble}sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
        "append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate "
        "names.",
    )
