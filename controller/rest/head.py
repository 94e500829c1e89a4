"""The check of a request's head: the application refuses a body before a byte of it is read.

The server of this package calls the application with the head alone if a body follows. Other WSGI servers do not, and
the application makes the same checks when it is called with the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD: Final = "fednet.head"
"""The key of a request's `HeadCheck` in its WSGI environment; absent if the body is there, too."""


@dataclass
class HeadCheck:
    """The application's verdict on a request's head.

    Attributes:
        may_go_on: True if the body may be sent; else the application's answer is the refusal.
        body_bytes_max: The largest body of this request.
    """

    may_go_on: bool = False
    body_bytes_max: int = 0

    def admit(self, body_bytes_max: int) -> None:
        """Let the body be sent."""
        self.may_go_on = True
        self.body_bytes_max = body_bytes_max
