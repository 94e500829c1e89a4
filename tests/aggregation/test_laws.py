"""What every aggregator owes: the same model as one NumPy computation, however the updates are split."""

import itertools
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet import limits
from fednet.aggregation import aggregator, aggregator_names
from fednet.aggregation._registry import BUILT_IN
from fednet.codecs import Base, open_encoded, write_encoded_to
from fednet.combiner.engine.folding import Folding
from fednet.combiner.engine.update_format import UpdateFormat
from fednet.errors import FailedPrecondition, InvalidModel, LimitExceeded
from fednet.parameters import (
    Structure,
    load_parameters,
    model_format,
    open_model,
    write_model,
)
from fednet.testing import Network
from fednet.update_codec import codec_names, codec_of

SHAPES = [(3, 4), (5,), (), (0, 2)]
BASE = [np.full(shape, 3.0, np.float32) for shape in SHAPES]
STRUCTURE = Structure.of(BASE)


def flat(arrays):
    return np.concatenate([np.asarray(array, np.float64).reshape(-1) for array in arrays])


def update(seed):
    """The arrays of one client, the same for the same seed; one of them in Fortran order."""
    random = np.random.default_rng(seed)
    arrays = [random.normal(seed % 3, 10, shape).astype(np.float32) for shape in SHAPES]
    return [np.asfortranarray(arrays[0]), *arrays[1:]]


# Independent computations, as the papers write them: x of shape (n, parameters), w examples, t steps.


def mean(x, w, _t, _base):
    return np.average(x, 0, w)


def momentum(x, w, _t, base):
    return base + (np.average(x, 0, w) - base)


def adam(x, w, _t, base):
    step = np.average(x, 0, w) - base
    return base + 1e-3 * 0.1 * step / (np.sqrt(0.99e-8 + 0.01 * step**2) + 1e-4)


def nova(x, w, t, base):
    p = w / w.sum()
    return base + (p @ t) * ((p / t) @ (x - base))


def median(x, _w, _t, _base):
    return np.median(x, 0)


def trimmed(x, _w, _t, _base):
    cut = int(0.2 * len(x) + 1e-9)
    return np.sort(x, 0)[cut : len(x) - cut].mean(0)


def weiszfeld(x, w, _t, _base):
    point = np.median(x, 0)
    for _ in range(100):
        pull = w / np.maximum(np.linalg.norm(x - point, axis=1), 1e-6)
        point = np.average(x, 0, pull)
    return point


def krum_order(x, f, taken=()):
    """The rows by their scores, among those not taken; ties by their numbers."""
    rows = [i for i in range(len(x)) if i not in taken]
    neighbours = max(1, len(rows) - f - 2)

    def score(i):
        return sum(sorted(((x[i] - x[j]) ** 2).sum() for j in rows if j != i)[:neighbours])

    return sorted(rows, key=lambda i: (score(i), tuple(x[i])))


def krum(x, _w, _t, _base):
    return x[krum_order(x, 1)[0]]


def multikrum(x, _w, _t, _base):
    return x[krum_order(x, 1)[: len(x) - 1]].mean(0)


def bulyan(x, _w, _t, _base):
    chosen = []
    while len(chosen) < len(x) - 2:
        chosen.append(krum_order(x, 1, chosen)[0])
    values, middle = x[chosen], np.median(x[chosen], 0)
    columns = zip(values.T, middle, strict=True)
    nearest = [sorted(v, key=lambda a, m=m: (abs(a - m), a))[: len(x) - 4] for v, m in columns]
    return np.mean(nearest, 1)


def buffered(x, _w, _t, base):
    return base + (x - base).sum(0) / len(x)


EXPECTED = {
    "fedavg": mean, "fedavgm": momentum, "fedopt": adam, "fedprox": mean, "fednova": nova,
    "fedmedian": median, "fedtrimmedavg": trimmed, "geometric_median": weiszfeld,
    "krum": krum, "multikrum": multikrum, "bulyan": bulyan,
    "fedbuff": buffered,
}  # fmt: skip

every_aggregator = pytest.mark.parametrize("name", EXPECTED)


def test_every_aggregator_is_held_to_the_laws():
    """Who adds an aggregator adds its computation here."""
    assert set(EXPECTED) == set(BUILT_IN) <= set(aggregator_names())


def told(steps):
    return {"num_steps": steps}


def folded(rule, clients):
    """A partial of (seed, examples, steps)."""
    partial = rule.partial(STRUCTURE)
    for seed, examples, steps in clients:
        partial.accumulate(update(seed), examples, told(steps))
    return partial


def finished(partial, base=BASE):
    state = partial.advance(base, None)
    return list(partial.finish(base, None if state is None else list(state)))


def assert_as_expected(name, partial, clients):
    assert partial.updates == len(clients)
    assert partial.weight == pytest.approx(sum(examples for _, examples, _ in clients), rel=1e-12)
    assert_model_as_expected(name, finished(partial), clients)


def assert_model_as_expected(name, model, clients):
    assert_model_of_numbers(name, model, clients, [flat(update(seed)) for seed, _, _ in clients])


def assert_model_of_numbers(name, model, clients, numbers):
    x = np.array(numbers)
    w, t = (np.array(column, float) for column in list(zip(*clients, strict=True))[1:])

    assert [(array.shape, array.dtype) for array in model] == [(s, np.float32) for s in SHAPES]
    tolerance = 1e-4 if name == "geometric_median" else 2e-6
    expected = EXPECTED[name](x, w, t, flat(BASE))
    np.testing.assert_allclose(flat(model), expected, rtol=tolerance, atol=tolerance)


CLIENT = st.tuples(st.integers(0, 1000), st.integers(1, 100), st.integers(1, 20))
CLIENTS = st.lists(CLIENT, min_size=7, max_size=11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("partials")


@every_aggregator
@settings(max_examples=40, deadline=None)
@given(clients=CLIENTS, data=st.data())
def test_any_split_in_any_order_saved_or_not_gives_what_numpy_gives(folder, name, clients, data):
    """However many combiners there are, whoever is on which, whose partial is first, kept or sent."""
    rule = aggregator(name)
    places = data.draw(st.lists(st.integers(0, 3), min_size=len(clients), max_size=len(clients)))
    shares = [[c for c, at in zip(clients, places, strict=True) if at == n] for n in range(4)]
    partials = [folded(rule, share) for share in data.draw(st.permutations(shares))]
    for number in data.draw(st.sets(st.integers(0, 3))):
        partials[number].save(folder / f"{number}.npz")
        partials[number] = rule.load(folder / f"{number}.npz", STRUCTURE)

    total = rule.partial(STRUCTURE)
    for partial in partials:
        total.merge(partial)

    assert_as_expected(name, total, clients)


CLIENTS_OF_A_NETWORK = [(seed, 10 * seed + 5, seed % 4 + 1) for seed in range(7)]
SECONDS = 60


class Turns:
    """Let every client answer once in a session: a second task of the session waits until the session is over.

    An aggregator that takes stale updates asks a quick client again before a slow one has answered.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._taken, self._over = set(), set()

    def take(self, client, session_id):
        """Return at once for the first task of a client in a session, else after the end of the session."""
        with self._changed:
            if (client, session_id) in self._taken:
                self._changed.wait_for(lambda: session_id in self._over, SECONDS)
            self._taken.add((client, session_id))

    def end(self, session_id):
        """Let the clients go that wait for the end of this session."""
        with self._changed:
            self._over.add(session_id)
            self._changed.notify_all()


def trains(client, turns):
    """Return the train function of a client (seed, examples, steps)."""
    seed, examples, steps = client

    def train(_parameters, told):
        turns.take(client, told["session_id"])
        return update(seed), {"num_examples": examples, "num_steps": steps}

    return train


@pytest.fixture(scope="module", params=[1, 3], ids=["one-combiner", "three-combiners"])
def network(request, tmp_path_factory):
    """Real combiners with seven clients spread over them, the model that they begin with, and their turns."""
    path = tmp_path_factory.mktemp("seed") / "seed.npz"
    write_model(path, BASE)
    turns = Turns()
    with Network(request.param) as net:
        for place, client in enumerate(CLIENTS_OF_A_NETWORK):
            net.add_client(
                f"site-{place}",
                train=trains(client, turns),
                preferred_combiner=f"combiner-{place % request.param + 1}",
            )
        yield net, net.api.set_active_model(str(path))["model_id"], turns


@every_aggregator
def test_one_and_three_combiners_give_what_numpy_gives(folder, network, name):
    """Through a whole session: its model is that of one float64 computation over all clients."""
    net, seed, turns = network
    count = len(CLIENTS_OF_A_NETWORK)
    session_id = net.api.start_session(
        aggregator=name, model_id=seed, rounds=1, validate=False,
        min_clients=count, requested_clients=count, round_retries=0,
    )["session_id"]  # fmt: skip
    session = net.api.wait_session(session_id, timeout=SECONDS)
    turns.end(session_id)
    net.api.download_model(session["model_id"], str(folder / "model.npz"))

    assert session["status"] == "FINISHED", session["reason"]
    [latest] = net.api.get_rounds(n_max=1)["result"]
    assert len(latest["combiners"]) == net.api.get_combiners_count()
    assert_model_as_expected(name, load_parameters(folder / "model.npz"), CLIENTS_OF_A_NETWORK)


@every_aggregator
def test_a_partial_finishes_again_and_goes_on(name):
    """Finishing and being merged leave a partial as it was."""
    rule = aggregator(name)
    clients = [(seed, seed + 1, 2) for seed in range(8)]
    partial, other = folded(rule, clients[:7]), folded(rule, clients[7:])

    once, again = finished(partial), finished(partial)
    rule.partial(STRUCTURE).merge(partial)
    partial.merge(other)

    for one, two in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert_as_expected(name, partial, clients)
    assert other.updates == 1


@every_aggregator
def test_too_few_updates_make_no_model(name):
    """One less than the aggregator says that it needs is refused; so many are enough."""
    rule = aggregator(name)
    clients = [(seed, 1, 1) for seed in range(rule.updates_min)]

    with pytest.raises(FailedPrecondition):
        folded(rule, clients[1:]).finish(BASE, None)
    assert len(finished(folded(rule, clients))) == len(SHAPES)


@every_aggregator
@pytest.mark.parametrize(
    ("arrays", "weight"),
    [
        (update(1)[:-1], 1),
        ([*update(1)[:-1], np.zeros((2, 0))], 1),
        (update(1), 0),
        (update(1), np.nan),
    ],
)
def test_a_refused_update_leaves_the_partial_as_it_was(name, arrays, weight):
    """Wrong shapes or no examples: nothing of it counts."""
    rule = aggregator(name)
    clients = [(seed, seed + 1, 2) for seed in range(7)]
    partial = folded(rule, clients)

    with pytest.raises(InvalidModel):
        partial.accumulate(arrays, weight, told(1))

    assert_as_expected(name, partial, clients)


@every_aggregator
def test_partials_of_other_models_are_neither_merged_nor_loaded(folder, name):
    """A partial belongs to one structure; the refused one changes nothing."""
    rule = aggregator(name)
    clients = [(seed, seed + 1, 2) for seed in range(7)]
    partial = folded(rule, clients)
    other = Structure.of([np.zeros(3), np.zeros(2)])
    partial.save(folder / "saved.npz")

    with pytest.raises(InvalidModel, match="Cannot merge"):
        partial.merge(rule.partial(other))
    with pytest.raises(InvalidModel):
        rule.load(folder / "saved.npz", other)
    assert_as_expected(name, partial, clients)


@every_aggregator
def test_counters_and_masks_stay_what_they_are(name):
    """Where all clients agree, integers and booleans are what they say."""
    base = [np.zeros(2, np.float16), np.array([7, 8]), np.array([False, True])]
    arrays = [np.ones(2, np.float64), np.array([9, 8], np.int32), np.array([True, True])]
    rule = aggregator(name)
    partial = rule.partial(Structure.of(base))
    for _ in range(7):
        partial.accumulate(arrays, 3, told(1))

    model = finished(partial, base)

    assert [array.dtype for array in model] == [np.float16, np.int64, np.bool_]
    assert [array.tolist() for array in model[1:]] == [[9, 8], [True, True]]


@every_aggregator
def test_the_bound_on_updates_holds(name):
    """Where updates are kept, one more than allowed is refused, and sessions can ask before."""
    rule = aggregator(name)
    partial = rule.partial(STRUCTURE)
    for _ in range(limits.kept_updates_max):
        partial.accumulate(BASE, 1, told(1))

    if rule.updates_max is None:
        partial.accumulate(BASE, 1, told(1))
    else:
        assert rule.updates_max == limits.kept_updates_max
        with pytest.raises(LimitExceeded):
            partial.accumulate(BASE, 1, told(1))
        with pytest.raises(LimitExceeded):
            partial.merge(partial)
        assert partial.updates == limits.kept_updates_max


@every_aggregator
@pytest.mark.parametrize("codec", codec_names())
def test_encoded_updates_give_what_numpy_gives_of_their_numbers(tmp_path, name, codec):
    """Numbers that are decoded block by block make the model that the decoded numbers make, whatever the codec.

    That these are within the codec's error is held in `tests/codecs`.
    """
    write_model(tmp_path / "model.npz", BASE)
    base = Base(STRUCTURE, BASE, "digest")
    rule, form = aggregator(name), model_format("numpyhelper")
    updates = UpdateFormat(form, tmp_path / "model.npz", "digest", reads_blocks=rule.reads_blocks)
    folding = Folding(rule, STRUCTURE, updates)
    clients = [(seed, seed + 1, seed % 3 + 1) for seed in range(7)]
    numbers = []
    for seed, examples, steps in clients:
        path = tmp_path / f"update-{seed}"
        with path.open("wb") as file:
            write_encoded_to(file, codec_of(codec), update(seed), STRUCTURE, base)
        with open_encoded(path, base) as encoded:
            numbers.append(flat([b for place in range(len(SHAPES)) for b in encoded.blocks(place)]))
        folding.fold(path, examples, {**told(steps), "client_id": f"{seed}"})

    assert folding.partial.updates == len(clients)
    assert_model_of_numbers(name, finished(folding.partial), clients, numbers)


@every_aggregator
def test_updates_from_files_are_read_block_by_block(folder, name, monkeypatch):
    """Views into mapped files, in either order of memory, in blocks of a few numbers."""
    monkeypatch.setattr(limits, "stacked_block_bytes", 8 * 7 * 5)
    clients = [(seed, seed + 1, 2) for seed in range(7)]
    partial = aggregator(name).partial(STRUCTURE)
    saves = itertools.cycle([np.savez, np.savez_compressed])
    for (seed, examples, steps), save in zip(clients, saves, strict=False):
        path = folder / f"update-{seed}.npz"
        save(path, **{str(i): array for i, array in enumerate(update(seed))})
        with open_model(path) as opened:
            partial.accumulate(opened.arrays, examples, told(steps))
        path.unlink()

    assert_as_expected(name, partial, clients)


def test_a_saved_partial_of_another_shape_is_not_loaded(folder):
    """The number of weights must be that of the updates."""
    write_model(folder / "odd.npz", [*update(1), *update(2), np.ones(3)])

    with pytest.raises(InvalidModel, match="does not belong"):
        aggregator("krum").load(folder / "odd.npz", STRUCTURE)


LARGE = [2**53 + 1, 2**63 - 1, -(2**63), 2**62 + 3]
INTEGERS = Structure.of([np.zeros(4, np.int64), np.zeros(2, np.uint64), np.zeros(2, bool)])


@every_aggregator
@pytest.mark.parametrize("weights", [[3] * 7, [2**53, 1, 0.1, 7, 1e-300, 2**31 + 1, 5]])
def test_large_integers_on_which_all_agree_stay(folder, name, weights):
    """Numbers that float64 does not hold, in partials of which one was saved, come out as they went in."""
    arrays = [np.array(LARGE), np.array([2**64 - 1, 2**53 + 1], np.uint64), np.array([True, False])]
    rule = aggregator(name)
    here, there = rule.partial(INTEGERS), rule.partial(INTEGERS)
    for place, weight in enumerate(weights):
        (here if place % 2 else there).accumulate(arrays, weight, told(place + 1))
    there.save(folder / "integers.npz")
    here.merge(rule.load(folder / "integers.npz", INTEGERS))

    model = finished(here, [np.zeros(spec.shape, spec.dtype) for spec in INTEGERS.arrays])

    assert [array.tolist() for array in model] == [array.tolist() for array in arrays]


def by_examples(numbers, weights):
    return sum(w * n for n, w in zip(numbers, weights, strict=True)) / sum(weights)


def alike(numbers, _weights):
    return Fraction(sum(numbers), len(numbers))


def middle(numbers, _weights):
    ordered = sorted(numbers)
    return Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)


def inner(numbers, _weights):
    cut = int(0.2 * len(numbers) + 1e-9)
    return alike(sorted(numbers)[cut : len(numbers) - cut], ())


EXACT = {
    "fedavg": by_examples, "fedprox": by_examples, "fedavgm": by_examples, "fedopt": by_examples,
    "fednova": by_examples, "fedbuff": alike, "fedmedian": middle, "fedtrimmedavg": inner,
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=60, deadline=None)
@given(
    clients=st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), st.integers(1, 2**53)),
        min_size=5,
        max_size=9,
    ),
    data=st.data(),
)
def test_the_mean_of_integers_is_exact_and_rounded_once(folder, name, clients, data):
    """Of numbers of any size it is that of Python's fractions, ties to even, over any split."""
    rule = aggregator(name)
    structure = Structure.of([np.zeros(2, np.int64)])
    partials = [rule.partial(structure) for _ in range(3)]
    for large, small, weight in clients:
        place = data.draw(st.integers(0, 2))
        partials[place].accumulate([np.array([large, small])], weight, told(2))
    partials[0].save(folder / "exact.npz")
    partials[0] = rule.load(folder / "exact.npz", structure)
    total = rule.partial(structure)
    for partial in partials:
        total.merge(partial)

    [model] = finished(total, [np.zeros(2, np.int64)])

    *columns, weights = zip(*clients, strict=True)
    expected = [round(EXACT[name](column, [Fraction(w) for w in weights])) for column in columns]
    assert model.tolist() == expected
