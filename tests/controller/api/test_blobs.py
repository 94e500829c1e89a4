"""Blobs over REST: who may do what, and what becomes of what is sent in pieces."""

import hashlib
import io
import uuid

import pytest

from fednet import limits
from fednet.contract import Principal, Role, SessionOptions
from fednet.controller.sessions.machine.scene import abandoned_models
from fednet.controller.sessions.machine.state import BlobRef, Kind, Phase, Round, Session, Share
from fednet.controller.uploads import STAGED
from fednet.digests import Digest
from fednet.identity import Claims
from fednet.server_functions import state_id_of
from fednet.storage import open_blobs
from fednet.storage._object_names import object_name

BLOBS = "/api/v1/blobs/"
UNIT = limits.blob_offset_unit_bytes


@pytest.fixture(params=["memory", "file"])
def blobs(request, tmp_path):
    """A store of each kind: one takes pieces as blobs, the other one into a file."""
    opened = open_blobs("memory://" if request.param == "memory" else f"file://{tmp_path}/blobs")
    yield opened
    opened.close()


def whole_blobs(blobs):
    """The keys of blobs that were put, without the pieces on their way."""
    return [key for key in blobs.list() if not key.startswith(STAGED)]


def token(signer, role, id_="c-id"):
    identity = Principal.of(role, id_, "c")
    return {"Authorization": f"Bearer {signer.sign(identity)}"}


@pytest.fixture
def combiner(app, registry, admin):
    """Speaks for a combiner of the network."""
    joined = registry.register_combiner(Claims.of(admin), "c1", "host:1", None)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {joined['token']}"
    return client


def send(combiner, key, content, *, sha256=None, upload_id=None):
    """Send a blob in the smallest pieces."""
    upload_id = upload_id or str(uuid.uuid4())
    for offset in range(0, len(content), UNIT):
        piece = content[offset : offset + UNIT]
        assert append(combiner, upload_id, offset, piece).status_code == 200
    return put(combiner, key, upload_id, content, sha256)


def append(combiner, upload_id, offset, piece):
    return combiner.patch(
        BLOBS,
        query_string={"upload_id": upload_id, "offset": offset},
        data=io.BytesIO(piece),
        content_type="application/octet-stream",
    )


def put(combiner, key, upload_id, content, sha256=None):
    whole = {
        "upload_id": upload_id,
        "size_bytes": len(content),
        "sha256": sha256 or hashlib.sha256(content).hexdigest(),
    }
    return combiner.put(BLOBS + key, query_string=whole)


PHASE, MODEL = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SHA256 = hashlib.sha256(b"content").hexdigest()
KEY = f"models/{MODEL}"
ONE = b"1" * UNIT  # the smallest piece that is not the last
PLANNED = state_id_of(MODEL, Digest.read(SHA256, 7))


def session_of(**round_fields):
    """Return a session whose round has a phase at c1, c2 and asks c1 for whatever the fields say."""
    model = BlobRef("base", Digest.read("0" * 64, 1))
    shares = {"c1": Share(["a"]), "c2": Share(["b"])}
    phase = Phase(PHASE, "TRAIN", 1, model, shares=shares, is_shared=True)
    current = Round("r", 1, 1, MODEL, 0.0, phase=phase, **round_fields)
    return Session(
        session_id="s", document_id=str(uuid.uuid4()), kind=Kind.TRAINING, options=SessionOptions(),
        helper="numpyhelper", model=model, round=current, obsolete_state_id="obsolete",
        aggregator_state=BlobRef("state", Digest.read("0" * 64, 1)),
    )  # fmt: skip


REDUCING = {"step": "reduce", "reducer": "c1"}


@pytest.fixture
def store_session(records):
    """Return a function that stores a session as its driver commits it."""

    def store(session, status="STARTED"):
        records.insert(
            "sessions",
            {"session_id": str(uuid.uuid4()), "status": status, "state": session.to_dict()},
        )

    return store


@pytest.fixture
def merging(store_session):
    """A session that lets c1 merge."""
    store_session(session_of(**REDUCING))


WRITES = [
    (f"partials/{PHASE}.c1", {}),
    (f"models/{MODEL}", REDUCING),
    (f"states/{MODEL}", REDUCING),
    (f"states/{PLANNED}", {"step": "plan", "planner": "c1"}),
]


@pytest.mark.parametrize(("key", "asked"), WRITES)
def test_a_combiner_puts_the_blobs_that_it_was_asked_for(
    combiner, blobs, store_session, key, asked
):
    """Its partial of a phase, the model and the memory of a merge, and the memory after a plan."""
    store_session(session_of(**asked))

    stored = send(combiner, key, b"content")

    assert stored.json == {"size_bytes": 7, "digest": SHA256, "sha256": SHA256}
    assert combiner.get(BLOBS + key).data == b"content"
    assert list(blobs.list()) == [key.replace(".", "/")]  # no piece is left


@pytest.mark.parametrize(("key", "asked"), WRITES)
def test_a_combiner_that_was_not_asked_puts_nothing(combiner, blobs, store_session, key, asked):
    """Nothing without a session, with one that has ended, or with one that asks another combiner."""
    others = session_of(**{name: {"c1": "c2"}.get(of, of) for name, of in asked.items()})
    del others.round.phase.shares["c1"]

    assert send(combiner, key, b"content").status_code == 403
    store_session(session_of(**asked), "FINISHED")
    store_session(others)
    refused = send(combiner, key, b"content")

    assert refused.status_code == 403
    assert "No running session has asked the combiner 'c1' to write" in refused.json["message"]
    assert whole_blobs(blobs) == []


@pytest.mark.parametrize(
    "key",
    [
        f"partials/{PHASE}.c2",
        f"partials/{PHASE}",
        f"partials/{uuid.UUID(int=9)}.c1",
        "models/base",
        f"models/{uuid.UUID(int=9)}",
        "states/state",
        f"states/{uuid.UUID(int=9)}",
        f"states/{PLANNED}",
    ],
)
@pytest.mark.usefixtures("merging")
def test_an_order_lets_a_combiner_write_no_other_blob(combiner, blobs, key):
    """What others have folded, other models and the memory of others are not its to write."""
    blobs.put(key.replace(".", "/"), [b"theirs"])

    assert send(combiner, key, b"content").status_code == 403
    assert b"".join(blobs.read(key.replace(".", "/"))) == b"theirs"


@pytest.mark.parametrize("made", [{"model": BlobRef(MODEL, Digest.read("0" * 64, 1))}, {}])
def test_a_model_that_the_controller_has_heard_of_stays_as_it_is(
    combiner, records, store_session, made
):
    """So do its memory, and a model with a document; none is a combiner's to delete."""
    store_session(session_of(**REDUCING, **made))
    if not made:
        records.insert("models", {"id": MODEL})

    assert send(combiner, f"models/{MODEL}", b"evil").status_code == 403
    if made:
        assert send(combiner, f"states/{MODEL}", b"evil").status_code == 403
    assert combiner.delete(f"{BLOBS}models/{MODEL}").status_code == 403


def test_a_combiner_deletes_what_its_order_names(combiner, blobs, store_session):
    """Its own partials, models of abandoned attempts with their memory, obsolete memory; nothing else."""
    session = session_of(**REDUCING)
    store_session(session)
    [abandoned] = abandoned_models(session, session.round)
    allowed = [f"models/{abandoned}", f"states/{abandoned}", "states/obsolete", "partials/x/c1"]
    denied = ["models/base", f"models/{MODEL}", "states/state", f"states/{MODEL}", "partials/x/c2"]
    for key in (*allowed, *denied):
        blobs.put(key, [b"x"])

    codes = {
        key: combiner.delete(BLOBS + object_name(key)).status_code for key in (*allowed, *denied)
    }

    assert codes == dict.fromkeys(allowed, 200) | dict.fromkeys(denied, 403)
    assert sorted(blobs.list()) == sorted(denied)


def test_a_combiner_only_reads_packages(combiner, blobs):
    """What clients run is not its business."""
    blobs.put("packages/a", [b"code"])

    assert combiner.get(f"{BLOBS}packages/a").data == b"code"
    assert send(combiner, "packages/a", b"evil").status_code == 403
    assert combiner.delete(f"{BLOBS}packages/a").status_code == 403
    assert b"".join(blobs.read("packages/a")) == b"code"


@pytest.mark.parametrize("name", ["!/a", "other/a", "modelsx/a"])
def test_a_combiner_has_nothing_to_do_elsewhere(combiner, blobs, name):
    """Neither may it read, nor write, nor list."""
    assert combiner.get(BLOBS + name).status_code == 403
    assert combiner.head(BLOBS + name).status_code == 403
    assert send(combiner, name, b"x").status_code == 403
    assert combiner.get(BLOBS, query_string={"prefix": "model"}).status_code == 403
    assert combiner.get(BLOBS).status_code == 403
    assert combiner.get(f"{BLOBS}incoming/a").status_code == 403
    assert whole_blobs(blobs) == []


@pytest.mark.parametrize(
    "name", ["models", "models//a", "models/../a", "models/a%20b", "models!2Fa/b"]
)
def test_what_names_no_blob_is_refused(combiner, name):
    """Each blob has one name."""
    assert combiner.get(BLOBS + name).status_code in {400, 403, 404, 308}
    assert send(combiner, name, b"x").status_code in {400, 403, 404, 308}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_name_that_no_blob_can_have_is_of_no_blob(combiner, method):
    """The answer is that of a blob that is not there."""
    answer = combiner.open(f"{BLOBS}models/a%20b", method=method)

    assert (answer.status_code, answer.json["field"]) == (404, "name")


@pytest.mark.parametrize("role", [Role.CLIENT, Role.CONTROLLER])
def test_others_have_nothing_to_do_with_blobs(app, blobs, signer, role):
    """Clients get theirs from their combiner."""
    blobs.put("models/a", [b"x"])

    answer = app.test_client().get(f"{BLOBS}models/a", headers=token(signer, role))

    assert answer.status_code == 403


def test_a_combiner_that_was_removed_gets_nothing_more(combiner, registry, records, blobs, admin):
    """Its token is refused from then on."""
    blobs.put("models/a", [b"x"])
    registry.forget_combiner(admin, records.lookup_natural("combiners", "c1"))

    assert combiner.get(f"{BLOBS}models/a").status_code == 401
    assert append(combiner, str(uuid.uuid4()), 0, b"x").status_code == 401


@pytest.mark.usefixtures("merging")
def test_nothing_is_visible_before_the_blob_is_put(combiner, blobs):
    """And what was there stays until then."""
    blobs.put(KEY, [b"old"])
    upload_id = str(uuid.uuid4())

    append(combiner, upload_id, 0, b"new one")

    assert combiner.get(BLOBS + KEY).data == b"old"
    assert put(combiner, KEY, upload_id, b"new one").status_code == 200
    assert combiner.get(BLOBS + KEY).data == b"new one"


@pytest.mark.usefixtures("merging")
def test_a_piece_may_come_again(combiner):
    """Its sender did not hear the answer."""
    upload_id = str(uuid.uuid4())

    sizes = [
        append(combiner, upload_id, offset, piece).json["size_bytes"]
        for offset, piece in [(0, ONE), (0, ONE), (UNIT, b"two"), (UNIT, b"two")]
    ]

    assert sizes == [UNIT, UNIT, UNIT + 3, UNIT + 3]
    assert put(combiner, KEY, upload_id, ONE + b"two").status_code == 200


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("offset", [1, UNIT - 1, UNIT + 1])
def test_only_the_last_piece_may_be_small(combiner, offset):
    """A blob in pieces of one byte would cost a request for each."""
    upload_id = str(uuid.uuid4())
    append(combiner, upload_id, 0, ONE + ONE)

    answer = append(combiner, upload_id, offset, ONE)

    assert answer.status_code == 422
    assert "offset" in answer.json["message"]


@pytest.mark.usefixtures("merging")
def test_a_gap_is_a_conflict(combiner):
    """The controller has lost what came before; so has one that knows nothing of the upload."""
    upload_id = str(uuid.uuid4())
    append(combiner, upload_id, 0, ONE)

    assert append(combiner, upload_id, 2 * UNIT, b"two").status_code == 409
    assert append(combiner, str(uuid.uuid4()), UNIT, b"two").status_code == 409
    assert put(combiner, KEY, upload_id, ONE + b"two").status_code == 409
    assert put(combiner, KEY, str(uuid.uuid4()), b"one").status_code == 409


@pytest.mark.usefixtures("merging")
def test_a_blob_that_does_not_match_its_digest_is_thrown_away(combiner, blobs):
    """It was altered on its way."""
    upload_id = str(uuid.uuid4())
    answer = send(combiner, KEY, b"content", sha256="0" * 64, upload_id=upload_id)

    assert (answer.status_code, answer.json["code"]) == (422, "transfer_corrupted")
    assert list(blobs.list()) == []
    assert put(combiner, KEY, upload_id, b"content").status_code == 409


@pytest.mark.usefixtures("merging")
def test_a_put_may_come_again(combiner, blobs):
    """Its sender did not hear the answer; another blob than the one in place is still a conflict."""
    upload_id = str(uuid.uuid4())
    first = send(combiner, KEY, b"content", upload_id=upload_id)

    assert put(combiner, KEY, upload_id, b"content").json == first.json
    assert put(combiner, KEY, upload_id, b"CONTENT").status_code == 409
    assert b"".join(blobs.read(KEY)) == b"content"


@pytest.mark.usefixtures("merging")
def test_a_blob_has_a_largest_size(combiner, monkeypatch):
    """And a piece as well."""
    monkeypatch.setattr(limits, "model_bytes_max", UNIT + 2)
    upload_id = str(uuid.uuid4())
    append(combiner, upload_id, 0, ONE)
    monkeypatch.setattr(limits, "blob_part_bytes", UNIT + 3)
    monkeypatch.setattr(limits, "upload_overhead_bytes_max", 0)

    assert append(combiner, upload_id, UNIT, b"two").status_code == 413
    assert append(combiner, upload_id, 0, ONE + b"four").status_code == 413


@pytest.mark.usefixtures("merging")
def test_another_combiner_cannot_touch_an_upload(app, combiner, registry, admin):
    """An upload is its sender's own."""
    joined = registry.register_combiner(Claims.of(admin), "c2", "host:2", None)
    other = app.test_client()
    other.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {joined['token']}"
    upload_id = str(uuid.uuid4())
    append(combiner, upload_id, 0, b"mine")

    assert put(other, f"partials/{PHASE}.c2", upload_id, b"mine").status_code == 409
    assert put(combiner, KEY, upload_id, b"mine").status_code == 200


def test_a_range_may_be_asked_for_of_one_version(combiner, blobs):
    """So a transfer never goes on with another blob."""
    blobs.put("models/a", [b"0123456789"])
    described = combiner.head(f"{BLOBS}models/a")
    asked = {"Range": "bytes=4-6", "If-Match": described.headers["ETag"]}

    found = combiner.get(f"{BLOBS}models/a", headers=asked)
    blobs.put("models/a", [b"another"])
    refused = combiner.get(f"{BLOBS}models/a", headers=asked)

    assert described.headers["Content-Length"] == "10"
    assert (found.status_code, found.data) == (206, b"456")
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")


def test_a_range_beyond_the_end_is_refused(combiner, blobs):
    """With the size, as HTTP has it."""
    blobs.put("models/a", [b"0123456789"])

    answer = combiner.get(f"{BLOBS}models/a", headers={"Range": "bytes=10-"})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10"


def test_keys_are_listed_one_in_a_line(combiner, blobs):
    """As they come: a list has no bound."""
    for key in ("models/a", "models/é\n", "states/a"):
        blobs.put(key, [b"x"])

    answer = combiner.get(BLOBS, query_string={"prefix": "models/"})

    assert sorted(answer.data.splitlines()) == [b'"models/\\u00e9\\n"', b'"models/a"']
