"""The services that views call: made once by the server, found again through `services()`."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from flask import current_app

from fednet import limits
from fednet.budgets import CallerBudgets
from fednet.contract import PredictionOptions, Principal, SessionOptions
from fednet.storage import Blobs, Document
from fednet.tls import PUBLIC_CA, CallerTLS

from ..accounts.accounts import Accounts
from ..audit.auditor import Auditor
from ..catalog import Catalog
from ..cleaning.cleaner import Cleaner
from ..feed.feed import Feed
from ..measures import ControllerMetrics
from ..members.registry import Registry
from ..records import Records
from ..tokens.issuing import Tokens
from ..tokens.keys import NetworkKeys

_EXTENSION = "fednet"


class Sessions(Protocol):
    """The session engine, as far as the API needs it."""

    @property
    def is_stopping(self) -> bool:
        """True once the controller stops: others drive its sessions."""

    def start(self, principal: Principal, options: SessionOptions | PredictionOptions) -> Document:
        """Write down a new session and begin it.

        A repeat with the same session_id and equal options answers with the session that is there,
        so that a caller who lost the answer may ask again.

        Returns:
            The session's document; `options` are those that it was started with.

        Raises:
            AlreadyExists: The session_id belongs to a session with other options.
            FailedPrecondition: No model is set, or no package though clients need one, or no client
                can do it; says what to do.
            InvalidInput: An option is wrong; names it.
        """

    def document(self, session_id: str) -> Document:
        """Return the session as it was committed last, whoever drives it.

        Raises:
            NotFound: There is no such session.
        """

    def stop(self, principal: Principal, session_id: str) -> Document:
        """End a session: it becomes TERMINATED; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended already; says with which status.
        """

    def pause(self, principal: Principal, session_id: str) -> Document:
        """Let a session begin no further round: it becomes PAUSED; its document once that is stored.

        The round that is under way is finished. A session that is paused already stays so.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It has ended; says with which status. Or it has no rounds.
        """

    def resume(self, principal: Principal, session_id: str) -> Document:
        """Let a paused session go on; its document once that is stored.

        Raises:
            NotFound: There is no such session.
            FailedPrecondition: It is not paused; says its status.
        """

    def extend(self, principal: Principal, session_id: str, rounds: int) -> Document:
        """Add rounds to a session; its document once that is stored.

        One that has ended, however it did, goes on from its newest model.

        Raises:
            NotFound: There is no such session.
            LimitExceeded: It would have more than limits.session_rounds_max.
        """


@dataclass(frozen=True)
class Services:
    """Everything that the API stands on.

    Attributes:
        records: The documents.
        blobs: The bytes of models and packages.
        registry: Registers combiners and clients.
        catalog: Keeps models and packages.
        sessions: Starts sessions, steers them and waits for their changes.
        tokens: Makes and reads tokens.
        keys: The keys that sign them.
        feed: What has happened.
        accounts: The people of the network.
        auditor: Tells the audit log of requests.
        cleaner: Deletes what is old, and blobs that nothing refers to.
        tls: The controller's files as a caller of other controllers.
        metrics: The controller's metrics.
        client_changes: The budgets of clients for requests that may change something.
    """

    records: Records
    blobs: Blobs
    registry: Registry
    catalog: Catalog
    sessions: Sessions
    tokens: Tokens
    keys: NetworkKeys
    feed: Feed
    accounts: Accounts
    auditor: Auditor
    cleaner: Cleaner
    tls: CallerTLS = PUBLIC_CA
    metrics: ControllerMetrics = field(default_factory=ControllerMetrics)
    client_changes: CallerBudgets = field(
        default_factory=lambda: CallerBudgets(
            limits.client_changes_max, limits.client_changes_per_second, time.monotonic
        )
    )


def provide(app_extensions: dict[str, object], provided: Services) -> None:
    """Let the views of an app find these services."""
    app_extensions[_EXTENSION] = provided


def services() -> Services:
    """Return the services of the app that serves the present request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Services)
    return found
