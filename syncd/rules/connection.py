"""What moves a connection between its states.

    event           from               to        who
    refused         active             invalid   the provider refused the credential, or the grant is gone
    accepted        invalid            active    a probe or a refresh worked
    pushed          invalid            active    the platform gave a new credential
    reconnected     paused, invalid    active    a person gave a new credential, and it was probed
    paused          active, invalid    paused    a person
    resumed         paused, invalid    active    a person

From any other state an event changes nothing: a late failure does not make a paused connection invalid, and what a
platform sends does not undo a person's pause. Refreshing that fails for another reason than the grant moves nothing:
the connection works for as long as its access token does.
"""

from __future__ import annotations

from enum import StrEnum

from syncd.model.connection import ConnectionState

ACTIVE, PAUSED, INVALID = ConnectionState.ACTIVE, ConnectionState.PAUSED, ConnectionState.INVALID


class ConnectionEvent(StrEnum):
    """What can move a connection."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    PUSHED = "pushed"
    RECONNECTED = "reconnected"
    PAUSED = "paused"
    RESUMED = "resumed"


MOVES: dict[ConnectionEvent, tuple[frozenset[ConnectionState], ConnectionState]] = {
    ConnectionEvent.REFUSED: (frozenset({ACTIVE}), INVALID),
    ConnectionEvent.ACCEPTED: (frozenset({INVALID}), ACTIVE),
    ConnectionEvent.PUSHED: (frozenset({INVALID}), ACTIVE),
    ConnectionEvent.RECONNECTED: (frozenset({PAUSED, INVALID}), ACTIVE),
    ConnectionEvent.PAUSED: (frozenset({ACTIVE, INVALID}), PAUSED),
    ConnectionEvent.RESUMED: (frozenset({PAUSED, INVALID}), ACTIVE),
}


def after(state: ConnectionState, event: ConnectionEvent) -> ConnectionState:
    """The state that follows."""
    sources, target = MOVES[event]
    return target if state in sources else state
