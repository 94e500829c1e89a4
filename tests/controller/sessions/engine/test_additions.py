"""Documents that never change are added once, and one that cannot be stored holds up no other."""

from fednet.controller.sessions.engine.additions import add
from fednet.errors import InvalidInput


def test_a_document_is_added_once(records):
    """The first one stays."""
    add(records, [("statuses", {"id": "one", "status": "first"})])
    add(records, [("statuses", {"id": "one", "status": "second"})])

    assert records.get("statuses", "one")["status"] == "first"


def test_a_document_that_can_never_be_stored_is_dropped_alone(records, monkeypatch, caplog):
    """All others of its batch are there."""
    insert_missing = records.documents.insert_missing

    def refuse_bad(collection, batch):
        if any(each["id"] == "bad" for each in batch):
            raise InvalidInput("The store will never take it.")
        insert_missing(collection, batch)

    monkeypatch.setattr(records.documents, "insert_missing", refuse_bad)
    add(records, [("statuses", {"id": name}) for name in ("a", "bad", "b")])

    assert {each["id"] for each in records.find("statuses")} == {"a", "b"}
    assert "cannot be stored" in caplog.text
