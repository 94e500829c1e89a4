"""The kinds of session, with the state and the machine of each.

Round by round, with or without server functions; asynchronous; predicting.
"""

from __future__ import annotations

from fednet.storage import Document

from .asynchronous import AsynchronousMachine
from .functions import FunctionsMachine
from .machine import Machine
from .prediction import PredictionMachine
from .state import AnySession, PredictionSession, Session

TRAINING = "training"
PREDICTION = "prediction"


def is_prediction(document: Document) -> bool:
    """Whether a session's document is that of a prediction session; it is written down as its task."""
    return bool(document.get("task") == PREDICTION)


def session_of(document: Document) -> AnySession:
    """The state that a session's document holds."""
    kind = PredictionSession if is_prediction(document) else Session
    return kind.from_dict(document["state"])


def machine_of(session: AnySession) -> Machine | PredictionMachine:
    """What moves a session on."""
    if isinstance(session, PredictionSession):
        return PredictionMachine(session)
    if session.is_asynchronous:
        return AsynchronousMachine(session)
    return FunctionsMachine(session) if session.functions else Machine(session)
