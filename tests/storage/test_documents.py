"""The contract of the documents protocol: every backend passes every test."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fednet import limits
from fednet.errors import (
    AlreadyExists,
    Conflict,
    FednetError,
    InvalidInput,
    LimitExceeded,
    NotFound,
)
from fednet.storage import Collection, Query, open_documents

CLIENTS = Collection("clients", indexed=("status", "rounds", "sender.name"), unique=("name",))
MODELS = Collection("models", unique=("key", "model"))
NOTES = Collection("notes")
ODD_TEXTS = [
    "", " ", "'", '"; drop table clients; --', "%", "a/b", "../x", "a.b", "\n", "\x01", "\x03",
    "\x04", "é", "e\u0301", "日本", "🤖", "\uffff", "$ne", "null", "1", "true", "{}",
]  # fmt: skip


@pytest.fixture
def documents(state_store_url):
    store = open_documents(state_store_url, [CLIENTS, MODELS, NOTES])
    yield store
    store.close()


def ids(found):
    return [document["id"] for document in found]


def outcomes(calls):
    """What each call, all started at once in threads of their own, returned or raised."""
    start = threading.Barrier(len(calls))

    def outcome(call):
        start.wait()
        try:
            return call()
        except FednetError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(outcome, calls))


def test_an_inserted_document_is_got_back_with_version_one(documents):
    """What goes in comes out, and the store adds the version."""
    document = {"id": "a", "name": "x", "nested": {"list": [1, 2.5, None, True, "é"]}}

    stored = documents.insert("clients", document)

    assert stored == {**document, "version": 1}
    assert documents.get("clients", "a") == stored


def test_a_version_that_is_handed_in_is_replaced(documents):
    """Only the store counts versions."""
    assert documents.insert("notes", {"id": "a", "version": 7})["version"] == 1


def test_documents_are_never_shared(documents):
    """Changing what was handed in or out changes nothing in the store."""
    document = {"id": "a", "list": [1]}
    stored = documents.insert("notes", document)

    document["list"].append(2)
    stored["list"].append(3)
    documents.get("notes", "a")["list"].append(4)

    assert "version" not in document
    assert documents.get("notes", "a")["list"] == [1]


@pytest.mark.parametrize("id", ["absent", "", "a" * 10_000, "\0", "\ud800"])
def test_an_absent_document_is_none(documents, id):  # noqa: A002
    """Asking for an id that nobody has, or nobody could have, is no error."""
    assert documents.get("notes", id) is None
    assert documents.delete("notes", id) is False


def test_a_taken_id_is_refused(documents):
    """The second insert changes nothing and names the field."""
    documents.insert("notes", {"id": "a", "text": "first"})

    with pytest.raises(AlreadyExists) as error:
        documents.insert("notes", {"id": "a", "text": "second"})

    assert error.value.field == "id"
    assert documents.get("notes", "a")["text"] == "first"


def test_one_id_may_stand_in_two_collections(documents):
    """Ids are unique in their collection only."""
    documents.insert("notes", {"id": "a"})

    documents.insert("clients", {"id": "a"})

    assert documents.count("notes") == documents.count("clients") == 1


def test_a_taken_unique_value_is_refused_on_insert_and_update(documents):
    """The error names the field, and the document stays as it was."""
    documents.insert("clients", {"id": "a", "name": "x"})
    documents.insert("clients", {"id": "b", "name": "y"})

    with pytest.raises(AlreadyExists) as inserting:
        documents.insert("clients", {"id": "c", "name": "x"})
    with pytest.raises(AlreadyExists) as updating:
        documents.update("clients", "b", {"name": "x"}, expected_version=1)

    assert inserting.value.field == updating.value.field == "name"
    assert documents.get("clients", "b") == {"id": "b", "name": "y", "version": 1}
    assert documents.count("clients") == 2


def test_a_unique_value_can_be_kept_and_used_again(documents):
    """A document does not collide with itself, nor with one that is gone."""
    documents.insert("clients", {"id": "a", "name": "x"})
    documents.update("clients", "a", {"name": "x"}, expected_version=1)
    documents.delete("clients", "a")

    assert documents.insert("clients", {"id": "b", "name": "x"})["name"] == "x"


def test_a_unique_field_may_be_absent_many_times(documents):
    """None and absent are no values that could be taken."""
    documents.insert("clients", {"id": "a"})
    documents.insert("clients", {"id": "b", "name": None})
    documents.insert("clients", {"id": "c", "name": None})

    assert documents.count("clients", Query(where={"name": None})) == 3


def test_the_error_names_the_unique_field_that_is_taken(documents):
    """Not another one, which both documents leave open."""
    documents.insert("models", {"id": "a", "model": "x"})
    documents.insert("models", {"id": "b", "key": "y"})

    with pytest.raises(AlreadyExists) as error:
        documents.insert("models", {"id": "c", "model": "x"})

    assert error.value.field == "model"


def test_an_update_merges_at_the_top_level_only(documents):
    """Fields that are not named stay; an object is replaced as a whole."""
    documents.insert("notes", {"id": "a", "kept": 1, "object": {"x": 1, "y": 2}})

    changed = documents.update("notes", "a", {"object": {"z": 3}, "new": 4}, expected_version=1)

    assert changed == {"id": "a", "kept": 1, "object": {"z": 3}, "new": 4, "version": 2}
    assert documents.get("notes", "a") == changed


def test_an_update_of_an_old_version_is_refused(documents):
    """Whoever decided on old facts must decide anew."""
    documents.insert("notes", {"id": "a", "n": 0})
    documents.update("notes", "a", {"n": 1}, expected_version=1)

    with pytest.raises(Conflict):
        documents.update("notes", "a", {"n": 2}, expected_version=1)

    assert documents.get("notes", "a") == {"id": "a", "n": 1, "version": 2}


def test_an_update_of_an_absent_document_is_refused(documents):
    """Update never inserts."""
    with pytest.raises(NotFound):
        documents.update("notes", "a", {"n": 1}, expected_version=1)

    assert documents.count("notes") == 0


def test_an_id_cannot_change_and_a_version_among_the_changes_is_ignored(documents):
    """A whole document can be handed back, but not become another one."""
    document = documents.insert("notes", {"id": "a", "n": 0})

    changed = documents.update("notes", "a", {**document, "n": 1}, expected_version=1)

    assert changed == {"id": "a", "n": 1, "version": 2}
    with pytest.raises(InvalidInput, match="id"):
        documents.update("notes", "a", {"id": "b"}, expected_version=2)


def test_a_deleted_document_is_gone(documents):
    """Delete says whether there was something, and the id is free again."""
    documents.insert("notes", {"id": "a"})

    assert documents.delete("notes", "a") is True
    assert documents.delete("notes", "a") is False
    assert documents.get("notes", "a") is None
    assert documents.insert("notes", {"id": "a"})["version"] == 1


def test_find_answers_in_the_order_of_insertion(documents):
    """Neither ids nor updates change the order."""
    for name in "cab":
        documents.insert("notes", {"id": name})
    documents.update("notes", "c", {"n": 1}, expected_version=1)

    assert ids(documents.find("notes")) == ["c", "a", "b"]
    assert ids(documents.find("notes", Query(descending=True))) == ["b", "a", "c"]


def test_find_filters_by_value_by_list_and_by_all_fields_together(documents):
    """A list matches any of its values, an empty one none; several fields must all match."""
    for name, status, rounds in [("a", "on", 1), ("b", "on", 2), ("c", "off", 2), ("d", None, 2)]:
        documents.insert("clients", {"id": name, "status": status, "rounds": rounds})

    def found(**where):
        return ids(documents.find("clients", Query(where=where)))

    assert found(status="on") == ["a", "b"]
    assert found(status=["on", "off"]) == ["a", "b", "c"]
    assert found(status=("off", None)) == ["c", "d"]
    assert found(status=None) == ["d"]
    assert found(status="on", rounds=2) == ["b"]
    assert found(id=["a", "d"]) == ["a", "d"]
    assert found(status=[]) == found(status="absent") == []


def test_find_filters_by_a_field_of_an_object(documents):
    """A dotted path reaches into objects; what is no object there has no such field."""
    documents.insert("clients", {"id": "a", "sender": {"name": "x"}})
    documents.insert("clients", {"id": "b", "sender": {"name": "y"}})
    documents.insert("clients", {"id": "c", "sender": "x"})

    assert ids(documents.find("clients", Query(where={"sender.name": "x"}))) == ["a"]
    assert ids(documents.find("clients", Query(where={"sender.name": None}))) == ["c"]
    assert ids(documents.find("clients", Query(sort="sender.name"))) == ["c", "a", "b"]


def test_find_follows_updates(documents):
    """A document is found by what it says now."""
    documents.insert("clients", {"id": "a", "status": "on"})

    documents.update("clients", "a", {"status": "off"}, expected_version=1)

    assert documents.find("clients", Query(where={"status": "on"})) == []
    assert ids(documents.find("clients", Query(where={"status": "off"}))) == ["a"]


def test_values_of_different_types_differ(documents):
    """Texts, numbers, booleans and None never equal one another; 1 and 1.0 are one number."""
    values = [None, True, 1, "1", "true", "", 0, False]
    for number, value in enumerate(values):
        documents.insert("clients", {"id": str(number), "rounds": value})

    for number, value in enumerate(values):
        assert ids(documents.find("clients", Query(where={"rounds": value}))) == [str(number)]
    assert ids(documents.find("clients", Query(where={"rounds": 1.0}))) == ["2"]
    assert ids(documents.find("clients", Query(where={"rounds": -0.0}))) == ["6"]


def test_sorting_orders_none_booleans_numbers_and_texts(documents):
    """Numbers sort as numbers, texts by code point, ties by insertion; descending reverses all."""
    values = [
        None,
        None,
        False,
        True,
        -10,
        -2.5,
        0,
        2,
        2,
        10,
        1e300,
        "",
        "\x02",
        "B",
        "a",
        "é",
        "🤖",
    ]
    shuffled = sorted(range(len(values)), key=lambda number: (number * 7 % 17, number))
    for number in shuffled:
        documents.insert("clients", {"id": f"{number:02}", "rounds": values[number]})

    found = documents.find("clients", Query(sort="rounds"))

    assert [document["rounds"] for document in found] == values
    assert documents.find("clients", Query(sort="rounds", descending=True)) == found[::-1]


def test_scan_yields_everything_in_the_order_of_insertion(documents, monkeypatch):
    """However many documents there are, and at the call an undeclared collection is refused."""
    monkeypatch.setattr(limits, "scan_items", 3)
    documents.insert_missing("notes", [{"id": str(number)} for number in range(7)])
    documents.update("notes", "2", {"n": 1}, expected_version=1)
    documents.delete("notes", "3")

    assert ids(documents.scan("notes")) == ["0", "1", "2", "4", "5", "6"]
    assert list(documents.scan("clients")) == []
    with pytest.raises(InvalidInput, match="others"):
        documents.scan("others")


def test_a_page_far_beyond_the_end_is_empty(documents):
    """The largest numbers that a page may have are numbers for every database."""
    documents.insert("notes", {"id": "a"})

    assert documents.find("notes", Query(skip=2**63 - 1, limit=2**63 - 1)) == []
    assert ids(documents.find("notes", Query(limit=2**63 - 1))) == ["a"]


def test_skip_and_limit_cut_a_page_and_count_ignores_them(documents):
    """A page is a slice of the whole order."""
    for number in range(10):
        documents.insert("clients", {"id": str(number), "rounds": -number})

    def page(**options):
        return ids(documents.find("clients", Query(sort="rounds", **options)))

    assert page(skip=2, limit=3) == ["7", "6", "5"]
    assert page(skip=8) == ["1", "0"]
    assert page(skip=20, limit=5) == page(limit=0) == []
    assert documents.count("clients", Query(skip=2, limit=3)) == 10
    assert documents.count("clients", Query(where={"rounds": [-1, -2]}, limit=1)) == 2


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_are_kept_found_and_unique(documents, text):
    """No character has a meaning of its own."""
    document = documents.insert("clients", {"id": f"<{text}", "name": text, "status": text})
    documents.insert("clients", {"id": "other", "name": "plain", "status": "plain"})

    assert documents.get("clients", f"<{text}") == document
    assert documents.find("clients", Query(where={"name": text, "status": [text]})) == [document]
    with pytest.raises(AlreadyExists):
        documents.insert("clients", {"id": "third", "name": text})


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"id": "a\0"}, "id"),
        ({"id": "a", "status": ["on"]}, "status"),
        ({"id": "a", "sender": {"name": {}}}, "sender.name"),
        ({"id": "a", "status": "\ud800"}, "status"),
        ({"id": "a", "rounds": 2**53 + 1}, "rounds"),
        ({"id": "a", "text": float("nan")}, "document"),
        ({"id": "a", "text": b"bytes"}, "document"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(documents, document, field):
    """No id, a declared field that is no scalar, or no JSON."""
    with pytest.raises(InvalidInput) as error:
        documents.insert("clients", document)

    assert error.value.field == field
    assert documents.count("clients") == 0


def test_a_refused_update_changes_nothing(documents):
    """The same rules hold for changes."""
    stored = documents.insert("clients", {"id": "a", "status": "on"})

    with pytest.raises(InvalidInput):
        documents.update("clients", "a", {"status": {}}, expected_version=1)

    assert documents.get("clients", "a") == stored


def test_limits_are_held(documents, monkeypatch):
    """A document, an indexed text and a query's list of values each have a bound."""
    monkeypatch.setattr(limits, "document_bytes_max", 1000)

    with pytest.raises(LimitExceeded):
        documents.insert("notes", {"id": "a", "text": "x" * 1000})
    with pytest.raises(LimitExceeded):
        documents.insert("clients", {"id": "a", "name": "x" * (limits.indexed_characters_max + 1)})
    with pytest.raises(LimitExceeded):
        documents.find(
            "notes", Query(where={"id": list(map(str, range(limits.query_items_max + 1)))})
        )


def test_a_query_may_compare_with_as_many_values_as_the_limit_says(documents):
    """The database takes what the limit allows."""
    documents.insert("notes", {"id": "7"})
    many = [str(number) for number in range(limits.query_items_max)]

    assert documents.count("notes", Query(where={"id": many})) == 1


@pytest.mark.parametrize(
    "query", [Query(where={"text": "x"}), Query(sort="text"), Query(sort="version")]
)
def test_only_declared_fields_can_be_asked_for(documents, query):
    """The error names the field, from find and from count."""
    for ask in (documents.find, documents.count):
        with pytest.raises(InvalidInput) as error:
            ask("notes", query)

        assert error.value.field in ("text", "version")


def test_a_filter_must_be_a_scalar(documents):
    """A query operator from outside is no operator here."""
    with pytest.raises(InvalidInput):
        documents.find("clients", Query(where={"status": {"$ne": "on"}}))


@pytest.mark.parametrize("page", [{"skip": -1}, {"limit": -1}, {"skip": 2**63}])
def test_a_page_is_counted_from_zero(page):
    """Negative and absurd numbers are refused before any store is asked."""
    with pytest.raises(InvalidInput) as error:
        Query(**page)

    assert error.value.field in page


@pytest.mark.parametrize("name", ["", "Clients", "a__b", "_a", "a.b", "a-b", "a;"])
def test_a_collection_has_a_plain_name(name):
    """Names of collections and fields become names of tables and columns."""
    with pytest.raises(InvalidInput):
        Collection(name)


@pytest.mark.parametrize("field", ["id", "version", "a..b", "A", "a__b"])
def test_a_declared_field_has_a_plain_name_of_its_own(field):
    """Likewise, and `id` and `version` are the store's."""
    with pytest.raises(InvalidInput):
        Collection("things", indexed=(field,))


def test_an_undeclared_collection_is_refused(documents):
    """Every method says so."""
    calls = [
        lambda: documents.insert("others", {"id": "a"}),
        lambda: documents.get("others", "a"),
        lambda: documents.find("others"),
        lambda: documents.count("others"),
        lambda: documents.update("others", "a", {}, expected_version=1),
        lambda: documents.delete("others", "a"),
    ]

    for call in calls:
        with pytest.raises(InvalidInput, match="others"):
            call()


def test_of_writers_with_one_version_exactly_one_wins(documents):
    """Compare-and-set among threads."""
    documents.insert("notes", {"id": "a"})

    def writer(number):
        return lambda: documents.update("notes", "a", {"winner": number}, expected_version=1)

    results = outcomes([writer(number) for number in range(8)])

    won = [result for result in results if isinstance(result, dict)]
    lost = [result for result in results if isinstance(result, Conflict)]
    assert (len(won), len(lost)) == (1, 7)
    assert documents.get("notes", "a") == won[0]


@pytest.mark.parametrize("field", ["id", "name"])
def test_of_inserts_of_one_value_exactly_one_wins(documents, field):
    """Ids and unique values among threads."""

    def inserter(number):
        return lambda: documents.insert(
            "clients", {"id": f"{number}", "name": f"{number}", field: "x"}
        )

    results = outcomes([inserter(number) for number in range(8)])

    assert sum(isinstance(result, dict) for result in results) == 1
    assert [error.field for error in results if isinstance(error, AlreadyExists)] == [field] * 7


def test_no_increment_is_lost_among_threads(documents):
    """Reading, deciding and retrying on Conflict adds up, and every version is used once."""
    documents.insert("notes", {"id": "a", "n": 0})

    def increment():
        while True:
            found = documents.get("notes", "a")
            try:
                changes = {"n": found["n"] + 1}
                return documents.update("notes", "a", changes, expected_version=found["version"])
            except Conflict:
                continue

    outcomes([lambda: [increment() for _ in range(10)]] * 6)

    assert documents.get("notes", "a") == {"id": "a", "n": 60, "version": 61}


def test_a_new_store_is_ready(documents):
    """It answers."""
    assert documents.is_ready() is True


def test_insert_missing_adds_what_is_not_there_and_leaves_the_rest(documents):
    """A repeated batch adds nothing and changes nothing."""
    documents.insert("notes", {"id": "b", "text": "first"})

    documents.insert_missing("notes", [{"id": id_, "text": "batch"} for id_ in "abcc"])
    documents.insert_missing("notes", [{"id": "a", "text": "again"}])
    documents.insert_missing("notes", [])

    texts = {each["id"]: each["text"] for each in documents.find("notes")}
    assert texts == {"b": "first", "a": "batch", "c": "batch"}


def test_a_batch_may_hold_as_many_documents_as_a_query_values(documents):
    """The database takes what the limit allows."""
    batch = [{"id": str(number)} for number in range(limits.query_items_max)]

    documents.insert_missing("notes", batch)
    documents.insert_missing("notes", batch)

    assert documents.count("notes") == limits.query_items_max


def test_insert_missing_adds_nothing_of_a_batch_that_holds_no_json(documents):
    """The whole batch is looked at before any of it is written."""
    with pytest.raises(InvalidInput):
        documents.insert_missing("notes", [{"id": "a"}, {"id": "b", "text": {1, 2}}])

    assert documents.count("notes") == 0


def test_insert_missing_names_the_unique_field_that_is_taken(documents):
    """Only a taken id is passed over."""
    documents.insert("clients", {"id": "a", "name": "x"})

    with pytest.raises(AlreadyExists) as refused:
        documents.insert_missing("clients", [{"id": "b", "name": "x"}])

    assert refused.value.field == "name"


def test_of_insert_missing_in_many_threads_each_document_is_added_once(documents):
    """The same batch from several threads at once is one batch."""
    batch = [{"id": str(number)} for number in range(50)]

    found = outcomes([lambda: documents.insert_missing("notes", batch)] * 6)

    assert found == [None] * 6
    assert documents.count("notes") == 50


def test_whoever_knows_the_document_updates_it_without_a_read(documents):
    """It is merged with what is known; a version that is not the present one conflicts, and none is not found."""
    known = documents.insert("notes", {"id": "a", "text": "old", "kept": 1})

    updated = documents.update("notes", "a", {"text": "new"}, expected_version=1, known=known)

    assert (
        updated
        == documents.get("notes", "a")
        == {"id": "a", "version": 2, "text": "new", "kept": 1}
    )
    with pytest.raises(Conflict):
        documents.update("notes", "a", {"text": "late"}, expected_version=1, known=known)
    documents.delete("notes", "a")
    with pytest.raises(NotFound):
        documents.update("notes", "a", {"text": "late"}, expected_version=2, known=updated)
