"""Keys, the ring, and where a ring comes from.

The text of a ring has one key a line, `id:secret`; the secret is base64url of 32 bytes, padded or not. Everything from
`#` on is a comment. **The first key is the current one**: it seals; the others only open.

    2026-10:Zm9v...   # current
    2026-01:YmFy...

Exactly one source is read, the first there is of:

1. the systemd credential `syncd-keys` (`LoadCredential=syncd-keys:/etc/syncd/keys`);
2. the key file named in the configuration: a missing one is an error and never means "look further";
3. the environment variable `SYNCD_KEYS`, keys separated by newlines or `;`.

A problem is reported by source and line, never by what the line says: a mistyped line may be nothing but key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncd.errors import ConfigError, KeyMissingError, Problem
from syncd.vault import base64url

KEY_BYTES = 32
_KEY_CHARACTERS = 43  # of base64url
CREDENTIAL_NAME = "syncd-keys"
ENVIRONMENT_NAME = "SYNCD_KEYS"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")  # shorter than any secret: a swapped line is no valid id
_CHECK_TEXT = b"syncd key check 1"
_CHECK_BYTES = 6
_GENERATE = "Make one: syncd keys generate"


@dataclass(frozen=True, slots=True)
class Key:
    """32 secret bytes and the id envelopes name them by. The repr shows the id only.

    Raises:
        ConfigError: the id is not 1 to 32 letters, digits, `.`, `_`, `-`, or the secret is not 32 bytes.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ConfigError(
                "The key id is not 1 to 32 letters, digits, '.', '_' or '-', beginning with a letter or digit.",
                remedy="Write the line as id:key, with an id such as 2026-01.",
            )
        if len(self.secret) != KEY_BYTES:
            raise ConfigError(
                f"The key is {len(self.secret)} bytes long; it must be {KEY_BYTES} ({_KEY_CHARACTERS} characters).",
                remedy=_GENERATE,
            )

    @property
    def check(self) -> bytes:
        """6 bytes that tell this key from another of the same id, and nothing about the secret."""
        return hmac.digest(self.secret, _CHECK_TEXT, hashlib.sha256)[:_CHECK_BYTES]

    def line(self) -> str:
        """The key as a line of a key file. **It shows the secret**: for `syncd keys generate` only."""
        return f"{self.id}:{base64url.encode(self.secret)}"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key that can open an envelope; `current` is the id of the one that seals; `source` names the origin.

    Raises:
        ConfigError: no key of the current id, an id twice, or one secret under two ids.
    """

    keys: tuple[Key, ...]
    current: str
    source: str = "the key ring"

    def __post_init__(self) -> None:
        if self.current not in self.ids:
            raise ConfigError(f"{self.source}: there is no key of the current id {self.current!r}.", remedy=_GENERATE)
        for index, key in enumerate(self.keys):
            for other in self.keys[:index]:
                _refuse_twins(other, key, self.source)

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of every key, in the order given."""
        return tuple(key.id for key in self.keys)

    @property
    def current_key(self) -> Key:
        """The key that seals."""
        return self.key(self.current)

    def key(self, key_id: str) -> Key:
        """The key of that id.

        Raises:
            KeyMissingError: the ring has none.
        """
        for key in self.keys:
            if key.id == key_id:
                return key
        raise KeyMissingError(
            f"There is no key {key_id!r} in {self.source}; it holds {', '.join(self.ids)}.",
            remedy=f"Put the line of key {key_id!r} back, below the first, and restart. Without it, connect again.",
        )


def _refuse_twins(first: Key, second: Key, source: str) -> None:
    if first.id == second.id:
        raise ConfigError(
            f"{source}: the key id {first.id!r} appears twice.", remedy="Give every key an id of its own."
        )
    if hmac.compare_digest(first.secret, second.secret):
        # rotating from one to the other would look done and change nothing
        raise ConfigError(f"{source}: the keys {first.id!r} and {second.id!r} are the same key.", remedy=_GENERATE)


def generate_key(now_id: str) -> Key:
    """A new random key. `now_id` is its id, customarily today's date.

    Raises:
        ConfigError: the id cannot be one.
    """
    return Key(now_id, secrets.token_bytes(KEY_BYTES))


def parse_keys(text: str, source: str) -> KeyRing:
    """The ring a key text describes, its first key current. `source` names the text in messages.

    Raises:
        ConfigError: no key at all, or `problems` with every line that is not one; key material is never repeated.
    """
    keys: list[Key] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if content:
            try:
                keys.append(_parse_key(content))
            except ConfigError as error:
                problems.append(Problem(f"{source}, line {number}", error.message, error.remedy))
    if problems:
        raise ConfigError(f"The keys in {source} cannot be used.", problems=tuple(problems))
    if not keys:
        raise ConfigError(f"There is no key in {source}.", remedy=_GENERATE)
    return KeyRing(tuple(keys), keys[0].id, source)


def _parse_key(content: str) -> Key:
    key_id, colon, secret = content.partition(":")
    if not colon:
        raise ConfigError("There is no ':' between key id and key.", remedy="Write the line as id:key.")
    text = secret.strip().rstrip("=")
    try:
        raw = base64url.decode(text)
    except ValueError as error:
        raise ConfigError(
            f"The key {error}; it has {len(text)} characters of {_KEY_CHARACTERS}.", remedy=_GENERATE
        ) from None
    return Key(key_id.strip(), raw)


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a ring is read: a file, or (`path` None) the environment. `name` is for messages."""

    name: str
    path: Path | None = None
    guarded: bool = False
    """Whether systemd guards the file, whatever its mode."""


def find_source(environ: Mapping[str, str], path: Path | None = None) -> KeySource:
    """The one source that counts, in the order of the module's text. `path` is the configured key file, if any.

    Raises:
        KeyMissingError: there is none.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory:
        credential = Path(directory, CREDENTIAL_NAME)
        if os.path.exists(credential):
            return KeySource(f"systemd credential {credential}", credential, guarded=True)
    if path is not None:
        return KeySource(f"key file {path}", path)
    if environ.get(ENVIRONMENT_NAME):
        return KeySource(f"environment variable {ENVIRONMENT_NAME}")
    raise KeyMissingError(
        f"No encryption key: no systemd credential {CREDENTIAL_NAME}, no configured key file, no {ENVIRONMENT_NAME}.",
        remedy="Make a key with: syncd keys generate; then name its file in the configuration.",
    )


def load_ring(environ: Mapping[str, str], path: Path | None = None) -> KeyRing:
    """Read the ring from the one source that counts; `ring.source` names it.

    Raises:
        KeyMissingError: there is no source.
        ConfigError: the source cannot be read, is open to others, or holds something else than keys.
    """
    source = find_source(environ, path)
    if source.path is None:
        return parse_keys(environ[ENVIRONMENT_NAME].replace(";", "\n"), source.name)
    return parse_keys(_decode(_read(source, source.path), source.name), source.name)


def _read(source: KeySource, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # of the open file, so that it cannot be exchanged between look and read
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read() if source.guarded or not mode & 0o077 else None
    except OSError as error:
        raise ConfigError(
            f"The {source.name} cannot be read: {error.strerror}.",
            remedy="Make one with: syncd keys generate; or correct the path or its owner.",
        ) from error
    if content is None:
        raise ConfigError(
            f"The {source.name} is open to group or others (mode {mode:04o}).", remedy=f"chmod 600 {path}"
        )
    return content


def _decode(content: bytes, name: str) -> str:
    text: str | None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None:  # raised outside the handler: the decoding error holds the whole file
        raise ConfigError(f"The {name} is not text.", remedy="A key file has lines id:key. " + _GENERATE)
    return text
