"""How Zoho Calendar refuses.

Source: zoho-calendar.facts.json, `errors` (the body, the two codes of OAuth); the other codes as published clients meet
them, each in `message`; statuses are not documented: 400 where nothing else is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from .kernel import Answer

STATUSES: Mapping[str, int] = {
    "INVALID_OAUTHTOKEN": 401,
    "INVALID_OAUTHSCOPE": 401,
    "OPERATION_NOT_PERMITTED": 403,
    "EVENT_NOTFOUND": 404,
    "CALENDAR_NOTFOUND": 404,
    "URL_RULE_NOT_CONFIGURED": 404,
    "ETAG_MISMATCH": 412,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_SERVER_ERROR": 500,
    "ETAG_MISSING": 400,
    "EXTRA_KEY_FOUND_IN_JSON": 400,
    "EXTRA_PARAM_FOUND": 400,
    "INVALID_DATA": 400,
    "LESS_THAN_MIN_OCCURANCE": 400,
    "MORE_THAN_MAX_LENGTH": 400,
    "RANGE_EXCEEDED": 400,
}


class ZohoError(ValueError):
    """A refusal by its code. `about` names the parameter or key that is meant."""

    def __init__(self, code: str, about: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code} {about}".strip())
        self.code = code
        self.about = about
        self.status = STATUSES[code]
        self.headers = dict(headers or {})

    def answer(self, *, coded: bool = False) -> Answer:
        """The refusal as it is sent; `coded`: the code is in `error_code`, and `message` is prose."""
        prose = f"{self.code.replace('_', ' ').capitalize()}{f': {self.about}' if self.about else ''}"
        if coded:
            item = {"message": prose, "message_key": self.code.lower(), "error_code": self.code}
        else:
            item = {"message": self.code, "description": prose}
        return Answer(self.status, {"error": [item]}, self.headers)
