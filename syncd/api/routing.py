"""`GET /v2/routing/crm-owner`: which host takes a booker's meeting; and why a booking went to whom it went.

Cal.com's booking page takes the answer by the names `teamMemberEmail`, `crmAppSlug`, `crmOwnerRecordType` and
`crmRecordId`. Round robin is an answer, not an error: the four are null and `reason` says why.

A user's key asks about event types that one of their own connections routes, and about bookings they organise; an
administrator's about all.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.requests import Request

from syncd.engine.routing import Routed
from syncd.engine.routing_record import KeptDecision
from syncd.engine.runtime import Runtime
from syncd.errors import InputError
from syncd.rules.routing import Decision, Outcome, TraceStep
from syncd.store import bookings, directory
from syncd.store.access import Scope

from .access import Caller, require
from .connections import EMAIL, Id
from .errors import ApiError, Success, success
from .geo import MAX_CHARACTERS, place_of

MAY_ROUTE = require(Scope.APPS_READ)
MAY_READ = require(Scope.BOOKING_READ)
MAX_HOSTS = 500
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"

Text = Annotated[str, Query(max_length=MAX_CHARACTERS, pattern=NO_CONTROLS)]
HostList = Annotated[str, Field(max_length=20_000, pattern=NO_CONTROLS)]


class CrmOwner(BaseModel):
    """A decision. `seconds` are until it was made, and of each call to the CRM by name."""

    outcome: Outcome
    reason: str
    teamMemberEmail: str | None
    crmAppSlug: str | None
    crmOwnerRecordType: str | None
    crmRecordId: str | None
    method: str | None
    decisiveRule: str | None
    rulesVersion: str
    seconds: float
    calls: dict[str, float]
    decisionId: int | None
    trace: list[TraceStep]


class DecisionAt(CrmOwner):
    """A decision that was made earlier. The trace has masked addresses."""

    at: datetime
    eventTypeId: int | None


class RoutingTrace(BaseModel):
    """The decisions that led to a booking, newest first; none for one that nobody was routed for."""

    bookingUid: str
    decisions: list[DecisionAt]


def routing(runtime: Runtime) -> APIRouter:
    """The routes about routing."""
    router = APIRouter(prefix="/v2", tags=["Routing"])

    @router.get("/routing/crm-owner", summary="Which host takes a booker's meeting, by the CRM, and why")
    def crm_owner(
        request: Request,
        caller: Annotated[Caller, Depends(MAY_ROUTE)],
        email: Annotated[str, Query(max_length=320, pattern=EMAIL, description="The booker's.")],
        event_type: Annotated[Id, Query(alias="eventTypeId")],
        hosts: Annotated[
            list[HostList] | None,
            Query(
                max_length=MAX_HOSTS,
                description="E-mails of the event type's hosts, repeated or with commas; without it any active owner.",
            ),
        ] = None,
        country: Annotated[Text, Query(description="Instead of what the proxy says.")] = "",
        region: Text = "",
        city: Text = "",
        sub_region: Annotated[Text, Query(alias="subRegion")] = "",
    ) -> Success[CrmOwner]:
        if not caller.admin:
            caller.check_owner(runtime.routing.owner(event_type), "Event type")
        told = place_of(request, runtime.settings.http.trusted_proxies)
        given = bool(country or region or city)
        routed = runtime.routing.route(
            event_type,
            email,
            _hosts(hosts),
            country=country if given else told.country,
            region=region if given else told.region,
            city=city if given else told.city,
            sub_region=sub_region,
        )
        return Success[CrmOwner].model_validate(success(_answered(routed)))

    @router.get("/bookings/{uid}/routing-trace", summary="Why a booking went to whom it went")
    def routing_trace(
        uid: Annotated[str, Path(max_length=300, pattern=NO_CONTROLS)], caller: Annotated[Caller, Depends(MAY_READ)]
    ) -> Success[RoutingTrace]:
        with runtime.database.read() as session:
            caller.check_owner(_organizer(session, uid), "Booking")
        found = [_told(kept) for kept in runtime.routing.record.of_booking(uid)]
        return Success[RoutingTrace].model_validate(success(RoutingTrace(bookingUid=uid, decisions=found)))

    return router


def _hosts(given: list[str] | None) -> tuple[str, ...] | None:
    """The hosts that are named; `hosts=` alone names none, so that nobody can be chosen."""
    if given is None:
        return None
    return tuple(host for part in given for each in part.split(",") if (host := each.strip()))


def _organizer(session: Session, uid: str) -> int | None:
    """The user who organises a booking; None where they are not known here.

    Raises:
        ApiError: 404, no such booking.
    """
    booking = bookings.get(session, uid)
    if booking is None:
        raise ApiError(404, "Booking not found")
    if booking.organizer_id is not None or booking.organizer is None:
        return booking.organizer_id
    try:
        return directory.find_user(session, booking.organizer.email).id
    except InputError:
        return None


def _answered(routed: Routed) -> CrmOwner:
    decision = routed.decision
    return CrmOwner(
        **_owner(decision, routed.app),
        seconds=routed.seconds,
        calls=routed.calls,
        decisionId=routed.recorded,
        trace=list(decision.trace),
    )


def _told(kept: KeptDecision) -> DecisionAt:
    return DecisionAt(
        **_owner(kept.decision, kept.app),
        seconds=kept.seconds,
        calls=kept.calls,
        decisionId=kept.id,
        trace=list(kept.decision.trace),
        at=kept.at,
        eventTypeId=kept.event_type_id,
    )


def _owner(decision: Decision, app: str) -> dict[str, str | None]:
    owner = decision.owner
    return {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "teamMemberEmail": owner.email if owner else None,
        "crmAppSlug": app if owner else None,
        "crmOwnerRecordType": decision.record_kind.capitalize() if owner and decision.record_kind else None,
        "crmRecordId": decision.record_id if owner else None,
        "method": decision.method,
        "decisiveRule": decision.decisive_rule or None,
        "rulesVersion": decision.rules_version,
    }
