"""Connectors found by entry point, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from syncd.errors import ConfigError

from . import ConnectorSpec

GROUP = "syncd.connectors"


class Registry:
    """App slug -> `ConnectorSpec`. A spec is imported when it is asked for: an unused provider costs nothing."""

    def __init__(
        self, points: Mapping[str, EntryPoint] | None = None, specs: Mapping[str, ConnectorSpec] | None = None
    ):
        self._points = dict(points or {})
        self._specs = dict(specs or {})

    @classmethod
    def installed(cls) -> Registry:
        """Every connector installed in this environment."""
        return cls({point.name: point for point in entry_points(group=GROUP)})

    @property
    def apps(self) -> tuple[str, ...]:
        """The slugs of every connector, sorted."""
        return tuple(sorted({*self._points, *self._specs}))

    def spec(self, app: str) -> ConnectorSpec:
        """The declaration of `app`.

        Raises:
            ConfigError: no such connector, or its package cannot be imported or declares another slug.
        """
        if app in self._specs:
            return self._specs[app]
        if app not in self._points:
            known = ", ".join(self.apps) or "none"
            raise ConfigError(f"No connector for app {app!r}.", remedy=f"Connectors installed here: {known}.")
        self._specs[app] = _load(self._points[app])
        return self._specs[app]


def _load(point: EntryPoint) -> ConnectorSpec:
    try:
        spec = point.load()
    except Exception as error:
        raise ConfigError(
            f"Connector {point.name!r} ({point.value}) cannot be imported: {error!r}", remedy="Reinstall its package."
        ) from error
    if not isinstance(spec, ConnectorSpec) or spec.app != point.name:
        raise ConfigError(f"Entry point {point.name!r} ({point.value}) does not name a ConnectorSpec of that app.")
    return spec
