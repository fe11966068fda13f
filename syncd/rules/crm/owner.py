"""Who becomes the owner of the attendee's record on booking.

    the settings say           and                                              then
    -------------------------  -----------------------------------------------  -----------------------------
    off                                                                         the owner stays: off
    a user, or the organizer   is no user of the CRM                            stays: unknown_user
                               is not active                                    stays: inactive_user
                               owns it already                                  stays: already
                               the current owner is on no list that is given    stays: not_listed
                               otherwise                                        is replaced

A record without an owner counts as on the list. Source: the page "Salesforce integration" (a specified user); that of
the organizer, and the list, are Cal.com's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .settings import ChangeOwner, OwnerChange


class Kept(StrEnum):
    """Why an owner stays."""

    OFF = "off"
    UNKNOWN_USER = "unknown_user"
    INACTIVE_USER = "inactive_user"
    ALREADY = "already"
    NOT_LISTED = "not_listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmUser:
    """A user of the CRM, or a queue that owns records."""

    id: str
    name: str = ""
    email: str = ""
    active: bool = True


def new_owner(
    change: ChangeOwner, current: CrmUser | None, *, organizer: CrmUser | None, named: CrmUser | None
) -> CrmUser | Kept:
    """The owner a record gets, or why it keeps its own. `named` is the user that `change.user` is in the CRM."""
    if change.mode is OwnerChange.OFF:
        return Kept.OFF
    wanted = named if change.mode is OwnerChange.USER else organizer
    if wanted is None:
        return Kept.UNKNOWN_USER
    if not wanted.active:
        return Kept.INACTIVE_USER
    if current is None:
        return wanted
    if current.id == wanted.id:
        return Kept.ALREADY
    return wanted if change.replaces(current.id, current.name, current.email) else Kept.NOT_LISTED
