"""The cleaner, on real stores."""

import uuid

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.cleaning import models as cleaning_models
from fednet.controller.cleaning.cleaner import Cleaner, Position, Run
from fednet.controller.cleaning.rules import Rule
from fednet.controller.records import Records, timestamp
from fednet.errors import FailedPrecondition, InvalidInput

DAY = 24 * 3600.0
ADMIN = Principal.of(Role.ADMIN, "id", "admin")
KEEPS_ALL = {name: Rule() for name in ("audit", "answers", "models", "statuses")}


@pytest.fixture
def cleaner(records, blobs, auditor):
    """Makes a cleaner with some rules."""
    return lambda **rules: Cleaner(records, blobs, auditor.log, KEEPS_ALL | rules)


@pytest.fixture
def clean(cleaner):
    """Cleans to the end by some rules, a step at a time; returns the number of objects by kind."""

    def run(run=Run(), **rules):  # noqa: B008  a frozen value
        position, found = Position(), {}
        while position is not None:
            cleaned = cleaner(**rules).clean(Position.from_text(str(position)), run, 0)
            found = {kind: found.get(kind, 0) + n for kind, n in cleaned.count.items()}
            position = cleaned.position
        return {kind: count for kind, count in found.items() if count}

    return run


def test_without_rules_nothing_is_deleted(clean, add_trail, add_session, model_ids):
    """Old models stay, too."""
    add_session("s")
    trail = add_trail("s", 5)

    assert clean() == {}
    assert model_ids() == set(trail)


def test_models_beyond_the_number_go_the_oldest_first(clean, add_trail, model_ids, file_ids):
    """Documents and files."""
    trail = add_trail("s", 5)

    assert clean(models=Rule(kept_max=2)) == {"models": 3}
    assert model_ids() == file_ids() == set(trail[3:])


def test_models_of_a_certain_age_go(clean, add_trail, model_ids):
    """The rule's second bound."""
    trail = add_trail("s", 5)

    assert clean(models=Rule(seconds_max=2.5 * DAY)) == {"models": 3}
    assert model_ids() == set(trail[3:])


def test_the_active_trail_stays(clean, add_model, add_trail, records, model_ids):
    """From the active model back to the uploaded one, over two sessions; a branch of the second one goes."""
    seed = add_model(90)
    first = add_trail("first", 3, seed)
    second = add_trail("second", 3, first[-1])
    branch = add_trail("branch", 4, second[0])
    records.set_active(model_id=second[-1])

    assert clean(models=Rule(kept_max=1)) == {"models": 4}
    assert model_ids() == {seed, *first, *second}
    assert not model_ids() & set(branch)


def test_pinned_models_stay(clean, add_trail, catalog, admin, model_ids):
    """Until they are unpinned."""
    trail = add_trail("s", 3)
    catalog.pin_model(admin, trail[0], is_pinned=True)

    clean(Run(older_than_seconds=0))
    assert model_ids() == {trail[0]}
    catalog.pin_model(admin, trail[0], is_pinned=False)
    clean(Run(older_than_seconds=0))
    assert model_ids() == set()


def test_models_that_an_unfinished_session_names_stay(clean, add_model, add_session, model_ids):
    """Its first model, its newest one, and those that are being validated."""
    used, other = add_model(9), add_model(9)
    add_session("s", "PAUSED", used)

    clean(Run(older_than_seconds=0))

    assert model_ids() == {used}
    assert other not in model_ids()


@pytest.fixture(params=["active", "pinned", "session"])
def take_into_use(request, catalog, admin, add_session):
    """Takes a model into use, as people do."""
    ways = {
        "active": lambda id_: catalog.activate_model(admin, id_),
        "pinned": lambda id_: catalog.pin_model(admin, id_, is_pinned=True),
        "session": lambda id_: add_session(str(uuid.uuid4()), "STARTED", id_),
    }
    return ways[request.param]


@pytest.fixture
def before_a_model_is_changed(monkeypatch):
    """Lets something happen before the first change of a model's document."""

    def let(happen):
        update, left = Records.update, [happen]

        def happens(records, collection, *more):
            if collection == "models" and left:
                left.pop()()
            return update(records, collection, *more)

        monkeypatch.setattr(Records, "update", happens)

    return let


def test_a_model_that_comes_into_use_after_it_was_chosen_stays(
    clean, add_model, take_into_use, before_a_model_is_changed, records, model_ids, file_ids
):
    """With its file, and without a mark."""
    model = add_model(9)
    before_a_model_is_changed(lambda: take_into_use(model))

    clean(Run(older_than_seconds=0))

    assert model_ids() == file_ids() == {model}
    assert not records.get("models", model)["file_deleted_at"]


def test_a_file_that_comes_into_use_after_it_was_chosen_stays(
    clean, add_trail, add_session, take_into_use, before_a_model_is_changed, records, file_ids
):
    """Though its session keeps fewer."""
    add_session("s", models_kept=1)
    trail = add_trail("s", 3)
    before_a_model_is_changed(lambda: take_into_use(trail[0]))

    clean()

    assert file_ids() == {trail[0], trail[2]}
    assert not records.get("models", trail[0])["file_deleted_at"]


def test_a_file_that_another_run_has_deleted_stays_marked(
    clean, add_trail, add_session, before_a_model_is_changed, records, file_ids
):
    """Though a session names its model for a moment, before it sees the mark."""
    add_session("s", models_kept=1)
    trail = add_trail("s", 2)

    def meanwhile():
        assert clean() == {"files": 1}
        add_session("t", "STARTED", trail[0])

    before_a_model_is_changed(meanwhile)

    clean()

    assert file_ids() == {trail[1]}
    assert records.get("models", trail[0])["file_deleted_at"]


@pytest.mark.parametrize("way", ["activate_model", "pin_model"])
def test_a_model_that_is_being_deleted_cannot_come_into_use(
    clean, add_model, catalog, admin, records, model_ids, file_ids, monkeypatch, way
):
    """The call says so, and the model before stays active."""
    active, model = add_model(), add_model(9)
    catalog.activate_model(admin, active)
    more = {"is_pinned": True} if way == "pin_model" else {}
    protection_of, refusals = cleaning_models.protection_of, []

    def meanwhile(records):
        with pytest.raises(FailedPrecondition) as refusal:
            getattr(catalog, way)(admin, model, **more)
        refusals.append(refusal.value.field)
        return protection_of(records)

    monkeypatch.setattr(cleaning_models, "protection_of", meanwhile)
    clean(models=Rule(seconds_max=DAY))

    assert refusals == ["model_id"]
    assert model_ids() == file_ids() == {active}
    assert records.active()["model_id"] == active


def test_a_model_in_use_that_a_killed_run_has_marked_is_unmarked(
    clean, add_model, take_into_use, records, file_ids
):
    """Its file is there."""
    model = add_model(9)
    take_into_use(model)
    records.update("models", model, lambda _: {"file_deleted_at": timestamp()})

    clean(Run(older_than_seconds=0))

    assert file_ids() == {model}
    assert not records.get("models", model)["file_deleted_at"]


def test_a_model_that_an_ended_session_has_still_to_make_active_stays(
    clean, add_model, add_session, records, model_ids
):
    """Its document is final, and the commit that sets the model active is not complete."""
    model = add_model(9)
    ended = add_session("s", "FINISHED", model)
    records.update("sessions", ended["id"], lambda _: {"is_settled": False})

    clean(Run(older_than_seconds=0))

    assert model_ids() == {model}


def test_a_session_may_keep_only_the_files_of_its_newest_models(
    clean, add_trail, add_session, records, catalog, admin, model_ids, file_ids, monkeypatch
):
    """The trail stays whole; a pinned model keeps its file, as does the active one."""
    monkeypatch.setattr(limits, "page_items_max", 2)
    add_session("s", models_kept=2)
    trail = add_trail("s", 7)
    catalog.pin_model(admin, trail[1], is_pinned=True)
    records.set_active(model_id=trail[0])

    assert clean()["files"] == 3
    assert model_ids() == set(trail)
    assert file_ids() == {trail[0], trail[1], *trail[5:]}
    assert records.get("models", trail[3])["file_deleted_at"]


def test_answers_go_but_those_of_running_phases(clean, records, add_session, days_ago):
    """A controller that takes the session up reads them."""

    def answer(phase_id, days):
        return records.insert("answers", {"phase_id": phase_id, "happened_at": days_ago(days)})[
            "id"
        ]

    running, over = str(uuid.uuid4()), str(uuid.uuid4())
    add_session("s", "STARTED", running)
    kept = [answer(running, 10 - number) for number in range(3)]
    for days in (7, 6, 5, 4):
        answer(over, days)

    assert clean(answers=Rule(kept_max=4)) == {"answers": 3}
    assert clean(answers=Rule(seconds_max=DAY)) == {"answers": 1}
    assert [each["id"] for each in records.find("answers")] == kept


def test_statuses_go_by_age(clean, records, days_ago):
    """The newest stay."""
    for days in (5, 4, 3, 2, 1):
        records.insert("statuses", {"timestamp": days_ago(days)})

    assert clean(statuses=Rule(seconds_max=3.5 * DAY)) == {"statuses": 2}


def test_a_run_that_only_looks_finds_the_same_and_deletes_nothing(
    clean, add_trail, records, model_ids, monkeypatch
):
    """However small its pages are."""
    monkeypatch.setattr(limits, "page_items_max", 3)
    trail = add_trail("s", 8)
    records.set_active(model_id=trail[1])

    found = clean(Run(only_looks=True), models=Rule(kept_max=4))

    assert model_ids() == set(trail)
    assert clean(models=Rule(kept_max=4)) == found == {"models": 4}


def test_a_run_that_only_looks_finds_all_files(clean, add_trail, add_session, records, monkeypatch):
    """Also those beyond the first page of a session, with one in use between them."""
    monkeypatch.setattr(limits, "page_items_max", 2)
    for session in ("s", "t"):
        add_session(session, models_kept=1)
        trail = add_trail(session, 6)
    records.set_active(model_id=trail[2])

    found = clean(Run(only_looks=True))

    assert clean() == found == {"files": 9}


def test_a_run_that_only_looks_finds_all_entries_of_the_audit_log(clean, auditor, monkeypatch):
    """However many blocks are pruned at a time."""
    monkeypatch.setattr(limits, "audit_pruned_blocks", 2)
    for _ in range(9):
        auditor.logged_in(ADMIN, "route", "")

    found = clean(Run(only_looks=True), audit=Rule(kept_max=1))

    assert found == {"audit": 8}
    assert clean(Run(only_looks=True), audit=Rule(kept_max=1)) == found


@pytest.mark.parametrize("key", ["models/{}", "packages/{}", "states/{}", "partials/{}/combiner-1"])
def test_a_blob_that_nothing_names_goes_once_it_has_been_seen_for_long(
    clean, blobs, key, monkeypatch
):
    """At first it is only noted: its document may still come."""
    key = key.format(uuid.uuid4())
    blobs.put(key, [b"lost"])

    assert clean(Run(only_looks=True)) == {"orphans": 1}
    assert clean() == {}
    monkeypatch.setattr(limits, "orphan_seconds", 0.0)
    assert clean() == {"orphans": 1}
    assert key not in set(blobs.list())


def test_no_age_lets_a_blob_go_at_first_sight(clean, blobs):
    """An upload that is under way has no document either."""
    key = f"models/{uuid.uuid4()}"
    blobs.put(key, [b"of an upload"])
    at_once = Run(older_than_seconds=0)

    assert clean(at_once) == clean(at_once) == {}
    assert key in set(blobs.list())


@pytest.mark.parametrize("bound", ["query_items_max", "page_items_max"])
@pytest.mark.parametrize("only_looks", [False, True])
def test_orphans_go_in_small_steps(
    cleaner, blobs, add_model, add_session, monkeypatch, only_looks, bound
):
    """Each looks at a bounded number of keys, and finds a bounded number of orphans; other blobs are passed."""
    monkeypatch.setattr(limits, "orphan_seconds", 0.0)
    monkeypatch.setattr(limits, bound, 2)
    add_session("s", "STARTED", *(add_model() for _ in range(3)))
    for _ in range(5):
        blobs.put(f"packages/{uuid.uuid4()}", [b"lost"])
    run, position, counts = Run(only_looks=only_looks), Position("orphans"), []
    if not only_looks:
        while position is not None:  # they are noted
            position = cleaner().clean(position, run, 0).position

    position = Position("orphans")
    while position is not None:
        cleaned = cleaner().clean(position, run, 0)
        counts.append(cleaned.count["orphans"])
        position = cleaned.position

    assert sum(counts) == 5
    assert max(counts) <= 2


def test_blobs_of_another_state_store_stay(clean, blobs, records, monkeypatch):
    """The address of this state store may be wrong."""
    monkeypatch.setattr(limits, "orphan_seconds", 0.0)
    key = f"models/{uuid.uuid4()}"
    blobs.put(key, [b"theirs"])
    records.documents.delete("network", "blob-store")

    assert clean(Run(only_looks=True)) == clean() == {}
    assert key in set(blobs.list())


def test_a_blob_with_a_reference_stays(clean, blobs, add_model, add_session):
    """By its document, or by a session that goes on, or that could be extended; and a blob that is not ours."""
    model, state, phase = add_model(), str(uuid.uuid4()), str(uuid.uuid4())
    add_session("s", "STARTED", phase)
    add_session("t", "FINISHED", state)
    keys = {f"models/{model}", f"states/{state}", f"partials/{phase}/c", "models/other-program"}
    for key in keys:
        blobs.put(key, [b"kept"])
    others = {f"models/{uuid.uuid4()}/part", f"packages/{uuid.uuid4()}/a/b"}
    for key in others:
        blobs.put(key, [b"of another program"])

    clean(Run(older_than_seconds=0))

    assert set(blobs.list()) >= others | keys - {f"models/{model}"}
    assert f"models/{model}" not in set(blobs.list())  # the model itself was old enough


def test_a_kill_before_a_file_is_deleted_leaves_a_model_to_the_next_run(
    clean, add_model, blobs, monkeypatch, model_ids, file_ids
):
    """Its document is deleted last."""
    add_model(9)
    with monkeypatch.context() as killed:
        killed.setattr(type(blobs), "delete", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            clean(models=Rule(seconds_max=DAY))
    assert len(file_ids()) == 1

    assert clean(models=Rule(seconds_max=DAY)) == {"models": 1}
    assert model_ids() == file_ids() == set()


@pytest.mark.parametrize(
    "text", ["", "models", "models:1", "models:x:0", "nope:0:0", "models:-1:0"]
)
def test_a_position_that_is_none_is_refused(text):
    """It names the field."""
    with pytest.raises(InvalidInput) as refusal:
        Position.from_text(text)

    assert refusal.value.field == "position"
