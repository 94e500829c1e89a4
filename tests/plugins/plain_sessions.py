"""Sessions without an engine, for tests of the rooms around it."""

import threading

from fednet import limits
from fednet.controller.feed.entries import EntryKind, session_ids
from fednet.controller.records import new_id, timestamp
from fednet.errors import AlreadyExists, FailedPrecondition


class PlainSessions:
    """Sessions that are written down and never run; a test changes them by hand.

    Attributes:
        awaited: Set once somebody waits for a change.
        is_stopping: True if the controller stops.
    """

    is_stopping = False

    def __init__(self, records, feed):
        self.records = records
        self.feed = feed
        self.awaited = threading.Event()

    def start(self, principal, options):
        asked = options.model_dump(mode="json")
        session_id = options.session_id or new_id()
        document = {
            "session_id": session_id,
            "name": getattr(options, "name", None) or session_id,
            "status": "INITIALIZED",
            "options": asked,
            "committed_at": timestamp(),
            "created_by": principal.reference,
            "rounds_total": getattr(options, "rounds", 0),  # a prediction has none
            "state": {"asked": asked},
        }
        try:
            return self.records.insert("sessions", document)
        except AlreadyExists:
            known = self.records.get("sessions", session_id)
            if known["state"]["asked"] != asked:
                raise
            return known

    def document(self, session_id):
        if self.feed.listeners:
            self.awaited.set()
        return self.records.get("sessions", session_id)

    def stop(self, _principal, session_id):
        return self.change(session_id, {"STARTED", "PAUSED"}, status="TERMINATED")

    def pause(self, _principal, session_id):
        return self.change(session_id, {"STARTED"}, status="PAUSED")

    def resume(self, _principal, session_id):
        return self.change(session_id, {"PAUSED"}, status="STARTED")

    def extend(self, _principal, session_id, rounds):
        total = self.records.get("sessions", session_id)["rounds_total"] + rounds
        return self.change(session_id, {"FINISHED"}, status="STARTED", rounds_total=total)

    def change(self, session_id, only_from=None, **changes):
        status = self.records.get("sessions", session_id)["status"]
        if only_from is not None and status not in only_from:
            raise FailedPrecondition(f"The session is {status}.")
        changed = self.records.update("sessions", session_id, lambda _: changes)
        self.feed.append(EntryKind.SESSION_CHANGED, **session_ids(changed))
        return changed

    def change_when_awaited(self, session_id, *changes):
        """Make the changes one after the other as soon as somebody waits; return the thread that does so."""

        def make_them():
            assert self.awaited.wait(limits.wait_seconds_max)
            for each in changes:
                self.change(session_id, **each)

        thread = threading.Thread(target=make_them)
        thread.start()
        return thread
