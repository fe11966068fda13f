"""syncd: bookings into calendars and CRMs, busy times back."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("syncd")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
