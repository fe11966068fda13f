"""For authors of connectors, and for our own tests: the contract suite, a provider in memory, a CalDAV stub.

Importing this before the suite lets pytest explain a failed assertion in it.
"""

from __future__ import annotations

try:
    import pytest
except ImportError:  # the provider in memory and the stub work without it
    pass
else:
    pytest.register_assert_rewrite(
        *(f"syncd.testing.{name}" for name in ("contract", "read_contract", "crm_contract", "mirror"))
    )
