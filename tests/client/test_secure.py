"""A client's part in secure aggregation, with real vaults and files: from the task to the words that leave the site."""

import base64
import dataclasses

import numpy as np
import pytest
from secure_world import pet_terms, secagg_terms

from fednet.blob_ref import BlobRef
from fednet.client.messages import answer_message, hello_message, task_of
from fednet.client.secure import SecureAggregation
from fednet.client.tasks import Answer, Exchange, Task
from fednet.client.vault import Vault
from fednet.digests import Digest
from fednet.errors import InvalidInput, InvalidModel, PermissionDenied
from fednet.parameters import Structure, model_format
from fednet.secure.masks import add_masks
from fednet.secure.protocols import protocol_of
from fednet.secure.ring import RingQuantiser
from fednet.secure.rounds import RoundContext, RoundRecord
from fednet.wire import tasks_pb2

BEFORE = [np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), np.arange(3)]
TASK = Task(
    id="0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11",
    kind="EXCHANGE_SECURELY",
    model=BlobRef("MODEL", "m", Digest.read("0" * 64, 1)),
    package=None,
    round_number=1,
    helper="safetensors",
    settings={},
    seconds_left=None,
    session_id="session",
)
FORM = model_format("safetensors")
WORDS = model_format("numpyhelper")


class Site:
    """One client's site; each task is done by a new process with the same folder."""

    def __init__(self, folder, number):
        self.name, self.folder, self.examples = f"client{number}", folder, 10 * (number + 1)
        folder.mkdir()
        self.model, self.update = folder / "model", folder / "update"
        FORM.write(self.model, BEFORE)
        self.trained = [BEFORE[0] + np.float32(number - 1.5), BEFORE[1] + number]

    @property
    def secure(self):
        return SecureAggregation(Vault(self.folder / "secure"), lambda: self.name)

    def train(self, task, trained=None):
        masks = self.secure.masks(task)
        FORM.write(self.update, trained or self.trained)
        return self.secure.mask(self.update, self.model, task, self.examples, masks)

    def sum(self, task):
        return self.secure.sum_masks(self.update, self.model, task)

    @property
    def words(self):
        with WORDS.open(self.update) as opened:
            (vector,) = opened.arrays
            return vector.copy()


@pytest.fixture
def sites(tmp_path):
    return {f"client{number}": Site(tmp_path / f"client{number}", number) for number in range(4)}


def task_for(terms, message):
    return dataclasses.replace(TASK, secure=terms.text, message=message)


class Round:
    """A controller that runs one round at these sites."""

    def __init__(self, terms, sites):
        self.terms, self.sites, self.protocol = terms, sites, protocol_of(terms)
        self.record = RoundRecord(
            RoundContext("session", "session-1", terms),
            chosen=tuple(sites),
            helpers=tuple(sites) if terms.sum_participants else (),
            alive=frozenset(sites),
        )

    def tasks(self, step):
        messages = self.protocol.messages(step, self.record)
        return {name: task_for(self.terms, message) for name, message in messages.items()}

    def exchange(self, step):
        answers = {
            name: self.sites[name].secure.answer(task).value
            for name, task in self.tasks(step).items()
        }
        answers = {**self.record.answers, step: answers}
        self.record = dataclasses.replace(self.record, answers=answers)

    def until_training(self):
        for step in self.protocol.before:
            self.exchange(step)

    def run(self):
        """Return the sum of the updates as words of the ring."""
        self.until_training()
        total = 0
        for name, task in self.tasks("train").items():
            outcome = self.sites[name].train(task)
            assert (outcome.num_examples, outcome.metadata) == (1.0, {})
            total = total + self.sites[name].words
        self.record = dataclasses.replace(self.record, survivors=tuple(self.sites))
        self.exchange("confirm")
        if "reveal" in self.protocol.after:
            self.exchange("reveal")
            add_masks(total, self.protocol.unmasking(self.record), self.terms.cipher)
            return total
        for name, task in self.tasks("masks").items():
            self.sites[name].sum(task)
            total = total - self.sites[name].words
        return total


@pytest.mark.parametrize("ring_bits", [32, 64])
@pytest.mark.parametrize("terms_of", [pet_terms, secagg_terms])
def test_a_round_gives_the_weighted_mean_of_the_updates(sites, terms_of, ring_bits):
    """The words that leave the sites add up to the mean; by themselves they are random."""
    terms = terms_of(4, ring_bits=ring_bits, examples_max=100)

    total = Round(terms, sites).run()

    arrays, examples = RingQuantiser(terms, Structure.of(BEFORE)).mean(total, BEFORE)
    mean = [np.concatenate(list(each.flat_blocks())) for each in arrays]
    weights = [site.examples for site in sites.values()]
    expected = np.average(
        [site.trained[0].reshape(-1) for site in sites.values()], axis=0, weights=weights
    )
    assert examples == sum(weights) == 100
    np.testing.assert_allclose(mean[0], expected, atol=1e-6)
    assert mean[1].tolist() == [2, 3, 4]


def test_a_masked_update_is_one_array_of_the_masked_structure(sites):
    """It has a word for each number of the model and one for the weight, and is kept for its owner alone."""
    terms = pet_terms(4)
    round_ = Round(terms, sites)
    round_.until_training()

    sites["client0"].train(round_.tasks("train")["client0"])

    with WORDS.open(sites["client0"].update) as opened:
        assert opened.structure == RingQuantiser(terms, Structure.of(BEFORE)).masked_structure


@pytest.mark.parametrize("terms_of", [pet_terms, secagg_terms])
def test_one_masked_update_leaves_a_site_in_a_round(sites, terms_of):
    """Two of them would give their difference away; the same one may be made again."""
    round_ = Round(terms_of(4), sites)
    round_.until_training()
    site, task = sites["client0"], round_.tasks("train")["client0"]
    site.train(task)
    first = site.words

    site.train(task)

    assert np.array_equal(site.words, first)
    with pytest.raises(PermissionDenied, match="another update in this round"):
        site.train(task, [BEFORE[0], BEFORE[1]])


def test_an_update_of_another_structure_is_refused(sites):
    """Nothing is promised for it, so the right one can still be sent."""
    round_ = Round(pet_terms(4), sites)
    round_.until_training()
    site, task = sites["client0"], round_.tasks("train")["client0"]

    with pytest.raises(InvalidModel):
        site.train(task, [BEFORE[0]])
    with pytest.raises(InvalidModel):
        site.train(task, [BEFORE[0] * np.nan, BEFORE[1]])
    site.train(task)


def test_terms_that_the_controller_has_not_signed_are_refused(sites):
    """A combiner cannot bring a client to weaker terms, or into another session."""
    terms = pet_terms(4)
    round_ = Round(terms, sites)
    task = round_.tasks("keys")["client0"]
    weaker = pet_terms(4, k=1, t=1)

    for other in (
        dataclasses.replace(task, secure=weaker.text),
        dataclasses.replace(task, session_id="another"),
        dataclasses.replace(task, message={}),
    ):
        with pytest.raises(
            PermissionDenied, match="differ from those that the controller has signed"
        ):
            sites["client0"].secure.answer(other)
    with pytest.raises(InvalidInput, match="terms of secure aggregation"):
        sites["client0"].secure.answer(dataclasses.replace(task, secure=""))


def test_a_task_of_secure_aggregation_comes_from_the_wire():
    """Its terms and its message are read; an exchange may come without a model."""
    message = tasks_pb2.Task(
        task_id=TASK.id,
        kind=tasks_pb2.EXCHANGE_SECURELY,
        session_id="session",
        secure=pet_terms().text,
        message_json='{"step": "keys"}',
    )

    task = task_of(message)

    assert (task.kind, task.model, task.secure) == ("EXCHANGE_SECURELY", None, pet_terms().text)
    assert task.message == {"step": "keys"}


@pytest.mark.parametrize("text", ["[]", "{", "1", "[" * 100_000])
def test_a_message_that_is_no_object_is_refused(text):
    """The task fails, and its error names the field."""
    with pytest.raises(InvalidInput) as refusal:
        task_of(tasks_pb2.Task(task_id=TASK.id, message_json=text))

    assert refusal.value.field == "message_json"


def test_an_answer_to_an_exchange_goes_to_the_wire():
    """It is a JSON object."""
    message = answer_message(Answer(TASK.id, Exchange({"bad": ["client1"]})))

    assert message.result.exchange.value_json == '{"bad": ["client1"]}'


def test_each_client_that_trains_can_take_part():
    """It says so in its first message."""
    trains = set(hello_message({"TRAIN"}, needs_package=False).hello.kinds)
    predicts = set(hello_message({"PREDICT"}, needs_package=False).hello.kinds)

    assert {tasks_pb2.EXCHANGE_SECURELY, tasks_pb2.TRAIN_MASKED, tasks_pb2.SUM_MASKS} <= trains
    assert predicts == {tasks_pb2.PREDICT}


def test_an_identity_is_no_secret(sites):
    """The keys that leave a site are public ones."""
    vault = Vault(sites["client0"].folder / "secure")
    answer = Round(pet_terms(4), sites).tasks("keys")["client0"]

    sent = sites["client0"].secure.answer(answer).value

    assert base64.b64decode(sent["identity"]) == vault.identity.public
    private = (sites["client0"].folder / "secure" / "identity").read_text().strip()
    assert private not in str(sent)
