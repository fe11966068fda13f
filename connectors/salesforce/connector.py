"""The connector: bookings into Salesforce, and whose account a booker's is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.connector import Opened
from syncd.connector.crm import CrmConnector, Found, Look, Write, Written
from syncd.errors import RetryError
from syncd.model.calendar import Probe
from syncd.model.clock import Clock, utc_now
from syncd.model.crm import CountRequest, Counts, ObjectKind
from syncd.model.schema import ObjectSchema

from . import SalesforceClient, SalesforceCredential, SalesforceSettings
from .api import Api
from .login import Given, Login, Signed
from .reading import Reader
from .schema import Schemas
from .writing import Writer


def open_salesforce(opened: Opened, clock: Clock = utc_now) -> SalesforceConnector:
    """A connector for a person, or for a server. Sends nothing."""
    credential: SalesforceCredential = opened.credential
    client: SalesforceClient = opened.client or SalesforceClient()
    login: Login = (
        Signed(credential, client, opened.guard, clock=clock) if credential.private_key else Given(credential)
    )
    api = Api(login, opened.guard, version=client.api_version, ca_file=client.ca_file, clock=clock)
    return SalesforceConnector(api, login, opened.settings)


class SalesforceConnector(CrmConnector):
    """One user of one org."""

    def __init__(self, api: Api, login: Login, settings: SalesforceSettings) -> None:
        self.settings = settings
        self._api = api
        self._login = login
        self._schemas = Schemas(api)
        self._reader = Reader(api, self._schemas, settings.booking_uid_field)
        self._writer = Writer(api, self._schemas, settings.booking_uid_field)

    @property
    def spare(self) -> bool:
        """By what the org's last answer told of the day's calls."""
        return self._api.spare

    def probe(self) -> Probe:
        """Ask for the org's limits, which every user may see, and name the user of the session."""
        told = self._api.call("read limits", "limits")
        daily = told.get("DailyApiRequests") if isinstance(told, Mapping) else None
        if not isinstance(daily, Mapping):
            raise RetryError("read limits: the answer is not one of Salesforce.", code="answer_unusable")
        facts = {"calls left today": f"{daily.get('Remaining')} of {daily.get('Max')}"}
        return Probe(account=self._login.session().user_id, facts=facts)

    def look(self, look: Look) -> Found:
        """See `reading`."""
        return self._reader.look(look)

    def counts(self, request: CountRequest) -> Counts:
        """By aggregate queries."""
        return self._reader.counts(request)

    def write(self, write: Write) -> Written:
        """See `writing`."""
        return self._writer.write(write)

    def schema(self, kinds: Sequence[ObjectKind]) -> Mapping[ObjectKind, ObjectSchema]:
        """By describe, kept for an hour."""
        return self._schemas.get(kinds)

    def forget_schema(self) -> None:
        """Describe anew next time."""
        self._schemas.forget()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
