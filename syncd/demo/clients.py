"""How syncd is told to go to a sandboxed provider instead of the real one: `[apps.APP.client]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncd.sandbox import Provider, Sandbox

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"

ADDRESSES: Mapping[str, Callable[[Provider, str], dict[str, str]]] = {
    "google-calendar": lambda p, ca: {
        "api_url": p.url,
        "authorize_url": f"{p.url}/o/oauth2/v2/auth",
        "token_url": f"{p.url}/token",
        "device_url": f"{p.url}/device/code",
    },
    "office365-calendar": lambda p, ca: {"authority": p.tls_url, "graph_url": p.url, "ca_file": ca},
    "salesforce": lambda p, ca: {"login_url": p.tls_url, "ca_file": ca},
    "zohocalendar": lambda p, ca: {"accounts_url": p.url, "calendar_url": p.url},
}
"""App -> the settings that name the sandbox, given its provider and the authority of its certificates."""


def client_settings(sandbox: Sandbox, app: str) -> dict[str, str]:
    """The registration with a sandboxed provider, for the configuration; its secret is `CLIENT_SECRET`."""
    addresses = ADDRESSES[app](sandbox.providers[app], sandbox.ca_file)
    return {"client_id": CLIENT_ID, **addresses}
