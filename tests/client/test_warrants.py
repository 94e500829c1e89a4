"""A client works only at what the controller has signed, whatever its combiner sends."""

import logging
import uuid
from dataclasses import replace

import pytest
from agents import Trainer

from fednet.blob_ref import BlobRef
from fednet.client.tasks import Task
from fednet.client.warrants import Warrants
from fednet.combiner.machine.assignment import Assignment
from fednet.combiner.machine.values import Blob, BlobKind, TaskKind
from fednet.digests import Digest
from fednet.enrolment import ClientPlace
from fednet.errors import PermissionDenied
from fednet.identity import Signer, Warrant, new_signing_key
from fednet.task_ids import task_id_of

WAIT_SECONDS = 60.0

MODEL = BlobRef("MODEL", "m", Digest.read("a" * 64, 7))
PACKAGE = BlobRef("PACKAGE", "p", Digest.read("b" * 64, 8))
PHASE, CLIENT = "phase", "client"


def place_of(*signers):
    keys = tuple(signer.public_key for signer in signers)
    return ClientPlace(CLIENT, "", "combiner", "host:1", "", 1.0, keys)


@pytest.fixture
def signer():
    return Signer.from_pem(new_signing_key())


@pytest.fixture
def task(signer):
    """A task as an honest combiner sends it."""
    warrant = Warrant("s", PHASE, 2, "TRAIN", "numpyhelper", MODEL, PACKAGE)
    task_id, text = task_id_of(PHASE, CLIENT), signer.sign_warrant(warrant)
    return Task(task_id, "TRAIN", MODEL, PACKAGE, 2, "numpyhelper", {}, None, text)


@pytest.fixture
def warrants(signer):
    made = Warrants(list)
    made.trust(place_of(signer))
    return made


def test_a_task_that_the_controller_has_signed_is_accepted(warrants, task):
    """Settings and the time that is left are the combiner's to say."""
    warrants.check(task)
    warrants.check(replace(task, settings={"epochs": 2}, seconds_left=3.0))


CHANGES = {
    "privacy": '{"clip": 1e9, "counts": false, "deviation": 0.0}',
    "id": task_id_of("another phase", CLIENT),
    "kind": "PREDICT",
    "round_number": 3,
    "helper": "safetensors",
    "model": BlobRef("MODEL", "m", Digest.read("c" * 64, 7)),
    "package": BlobRef("PACKAGE", "p", Digest.read("c" * 64, 8)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_task_that_differs_from_its_warrant_is_refused(warrants, task, name):
    """The refusal names the field."""
    with pytest.raises(PermissionDenied, match=f"has signed, in {name}"):
        warrants.check(replace(task, **{name: CHANGES[name]}))


def test_a_package_more_or_less_is_refused(warrants, signer, task):
    """A warrant without a package lets no code in."""
    warrant = Warrant("s", PHASE, 2, "TRAIN", "numpyhelper", MODEL, None)
    bare = replace(task, warrant=signer.sign_warrant(warrant), package=None)

    warrants.check(bare)
    with pytest.raises(PermissionDenied, match="package"):
        warrants.check(replace(bare, package=PACKAGE))
    with pytest.raises(PermissionDenied, match="package"):
        warrants.check(replace(task, package=None))


def test_another_clients_task_is_refused(signer, task):
    """The id of a task follows from its phase and its client."""
    warrants = Warrants(list)
    warrants.trust(replace(place_of(signer), id="another"))

    with pytest.raises(PermissionDenied, match="in id"):
        warrants.check(task)


def test_a_key_that_is_not_known_is_asked_for(signer, task):
    """The network has changed its key since the client has registered; then the new one is known."""
    asked = []
    older = Signer.from_pem(new_signing_key())

    def fetch_keys():
        asked.append(1)
        return [signer.public_key, older.public_key]

    warrants = Warrants(fetch_keys)
    warrants.trust(place_of(older))
    warrants.check(task)
    warrants.check(task)

    assert asked == [1]


def test_a_key_that_the_controller_does_not_know_is_refused(task):
    """A warrant of another network stays one."""
    warrants = Warrants(lambda: [Signer.from_pem(new_signing_key()).public_key])

    with pytest.raises(PermissionDenied, match="not signed by the network's controller"):
        warrants.check(task)


def test_a_task_without_a_warrant_is_refused(warrants, task):
    """It asks the controller for no key."""
    with pytest.raises(PermissionDenied, match="not signed"):
        warrants.check(replace(task, warrant=""))


# A real combiner of a real network that gives other tasks than it was ordered


@pytest.fixture
def tamper(monkeypatch):
    """Return a function that lets the network's combiners change each task before they send it."""
    honest = Assignment.task_for

    def change_tasks_by(change):
        monkeypatch.setattr(Assignment, "task_for", lambda *given: change(honest(*given)))

    return change_tasks_by


def failed_session(net, name="s"):
    """Run a session of one round that cannot succeed; return its reason."""
    net._controller.presence.wait_for_clients("TRAIN", 1, WAIT_SECONDS)
    net.api.start_session(name, rounds=1, round_retries=0, validate=False)
    session = net.api.wait_session(name, timeout=WAIT_SECONDS)
    assert session["status"] == "FAILED"
    return session["reason"]


OTHER = {
    "model": Blob(BlobKind.MODEL, str(uuid.UUID(int=1)), Digest.read("c" * 64, 7)),
    "package": Blob(BlobKind.PACKAGE, str(uuid.UUID(int=2)), Digest.read("c" * 64, 7)),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_combiner_cannot_give_its_own_model_or_package(
    net, start, tamper, caplog, tmp_path, name
):
    """The client does not train, fetches nothing, answers with the reason, and logs an error."""
    train = Trainer()
    start(train)
    tamper(lambda task: replace(task, **{name: OTHER[name]}))

    reason = failed_session(net)

    assert f"differs from what the controller has signed, in {name}" in reason
    assert train.calls == 0
    assert not list((tmp_path / "client").rglob("models/*"))
    assert not list((tmp_path / "client").rglob("packages/*"))
    logged = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert any("the combiner has sent the task" in each.getMessage() for each in logged)


def test_a_combiner_cannot_use_a_warrant_again(net, start, tamper):
    """The warrant of an earlier phase is good for no other phase, and that of a training for no prediction."""
    train, seen = Trainer(), []
    start(train)
    tamper(lambda task: seen.append(task) or task)
    net._controller.presence.wait_for_clients("TRAIN", 1, WAIT_SECONDS)
    net.api.start_session("honest", rounds=1, validate=False)
    assert net.api.wait_session("honest", timeout=WAIT_SECONDS)["status"] == "FINISHED"

    old = seen[0]
    tamper(lambda task: replace(task, warrant=old.warrant, model=old.model))
    assert "has signed, in id" in failed_session(net, "replayed")
    tamper(lambda task: replace(task, context=replace(task.context, kind=TaskKind.VALIDATE)))
    assert "has signed, in kind" in failed_session(net, "another-kind")

    assert train.calls == 1
