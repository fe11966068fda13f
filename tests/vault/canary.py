"""Looks for a secret wherever an error could carry it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

from syncd.errors import ConfigError, SyncdError


def words_of(error: BaseException | None) -> str:
    """Everything an error shows or drags along: text, repr, attributes, and the errors it hides."""
    if error is None:
        return ""
    own = [str(error), repr(error), repr(error.args), repr(vars(error))]
    if isinstance(error, UnicodeDecodeError):
        own.append(repr(error.object))
    if isinstance(error, SyncdError):
        own.append(error.remedy)
    if isinstance(error, ConfigError):
        own += map(str, error.problems)
    return "\n".join([*own, words_of(error.__cause__), words_of(error.__context__)])


def assert_silent(error: BaseException, *secrets: bytes) -> None:
    """No spelling of a secret, or of its first 8 bytes, is in the error."""
    words = words_of(error)
    for secret in secrets:
        for part in (secret, secret[:9]):
            spellings = {
                part.decode("latin1"),
                part.hex(),
                repr(part)[2:-1],
                b64encode(part).decode().rstrip("="),
                urlsafe_b64encode(part).decode().rstrip("="),
            }
            for spelling in spellings:
                assert spelling not in words
