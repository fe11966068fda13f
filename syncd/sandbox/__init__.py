"""The providers' APIs on loopback: for the demonstration, for tests, and for authors of connectors.

    with Sandbox([GoogleCalendar()]) as sandbox:
        sandbox.url("google-calendar")      # http://127.0.0.1:PORT

Each provider is built from its own documents and keeps state: users, calendars, events, versions, tokens, channels. It
knows nothing of our connectors. Faults are set by `provider.faults`, or over HTTP at `/_sandbox` of its port.
"""

from .faults import Fault
from .kernel import Answer, Exchange, Provider, Request, Route
from .server import Sandbox

__all__ = ["Answer", "Exchange", "Fault", "Provider", "Request", "Route", "Sandbox"]
