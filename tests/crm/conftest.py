from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_given import World, salesforce


@pytest.fixture
def world() -> Iterator[World]:
    with salesforce() as running:
        yield running
