"""Keys and envelopes: credentials encrypted at rest.

A **key** is 32 random bytes with an id. A **ring** is every key that can open something, with one *current* key that
seals. An **envelope** is the text stored in the row: version, key id, key check, nonce, ciphertext and tag
(`envelope`). A **binding** is the row an envelope belongs to; it is authenticated and not stored in the envelope, so an
envelope copied into another row does not open there.

What goes wrong is told apart, because the remedies differ:

    code               what happened                                              what helps
    key_missing        the ring has no key of the envelope's id                   put that key back
    key_wrong          the ring's key of that id is another key                   put the right key back
    envelope_moved     right key: the envelope is of another row, or was altered  restore the row, or connect again
    envelope_damaged   truncated, of an unknown version, or not an envelope       restore the row, or connect again

Changing the current key, with every process running:

1. Add the new key below the first line of each machine's keys and restart: every process can now open it.
2. Move it to the first line and restart: every process now seals with it. On one machine, begin here.
3. Run `syncd keys rotate`. It re-seals in batches, each one transaction that replaces a row only if nobody has changed
   it (`rotation`). Killed at any point, every row is under the old key or the new one, and the ring holds both; run
   again, it passes over what is done.
4. When `syncd keys status` counts no row under the old key, it can go, once no backup needs it. Nothing here removes
   a key.

The two formats of Cal.com (`calcom`) are read and written at the border and never stored.

No error, repr or message of this package holds a key or a plaintext. Errors of the standard library do
(`UnicodeDecodeError.object`, `JSONDecodeError.doc`), so they are never chained here, not even suppressed.
"""

from syncd.vault.credentials import CredentialVault
from syncd.vault.envelope import Binding, ConsentBinding, DelegationBinding, RowBinding, key_id_of, open_envelope, seal
from syncd.vault.keys import Key, KeyRing, KeySource, find_source, generate_key, load_ring, parse_keys
from syncd.vault.rotation import UNREADABLE, Change, EnvelopeRow, EnvelopeRows, Failure, RotationReport, rotate, status

__all__ = [
    "UNREADABLE",
    "Binding",
    "Change",
    "ConsentBinding",
    "CredentialVault",
    "DelegationBinding",
    "EnvelopeRow",
    "EnvelopeRows",
    "Failure",
    "Key",
    "KeyRing",
    "KeySource",
    "RotationReport",
    "RowBinding",
    "find_source",
    "generate_key",
    "key_id_of",
    "load_ring",
    "open_envelope",
    "parse_keys",
    "rotate",
    "seal",
    "status",
]
