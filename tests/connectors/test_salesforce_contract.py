"""Salesforce keeps the contract, on its sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_given import World, salesforce
from syncd_connectors.salesforce import SalesforceCredential, SalesforceSettings
from syncd_connectors.salesforce.connector import SalesforceConnector, open_salesforce

from syncd.connector import Opened
from syncd.provider.guard import Guard
from syncd.testing.crm_contract import CrmContract, CrmHooks


class TestSalesforce(CrmContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with salesforce() as running:
            yield running

    @pytest.fixture
    def connector(self, world: World) -> SalesforceConnector:
        return world.connector()

    @pytest.fixture
    def rejected(self, world: World) -> SalesforceConnector:
        return open_salesforce(
            Opened(
                connection_id=2,
                credential=SalesforceCredential(access_token="nothing", instance_url=world.org.issuer.instance()),
                settings=SalesforceSettings(),
                guard=Guard("salesforce", 2, timeout_s=10),
                client=world.client,
            )
        )

    @pytest.fixture
    def hooks(self, world: World) -> CrmHooks:
        return CrmHooks(
            activities=lambda: [event["Subject"] for event in world.records("Event")],
            people=lambda: [contact["Email"] for contact in world.records("Contact")],
            remove=world.org.delete_record,
            # the first composite request looks up, the second writes
            lose_answer=lambda: lose_second(world),
        )


def lose_second(world: World) -> None:
    world.org.faults.add("lose", path="composite$", skip=1)
