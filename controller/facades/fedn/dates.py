"""Times of ours as FEDn writes them."""

from datetime import datetime
from email.utils import format_datetime


def http_date(timestamp: str) -> str:
    """Return a time as FEDn's lists have it: `Sat, 21 Nov 2026 16:56:08 GMT`."""
    return format_datetime(datetime.fromisoformat(timestamp), usegmt=True)


def plain_date(timestamp: str) -> str:
    """Return a time as FEDn's model trail has it: `2026-11-21 16:56:08.339439`, in UTC."""
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%d %H:%M:%S.%f")
