"""Differential privacy at a combiner: what clients send is bounded, and each model has the noise of one release."""

import json

import numpy as np
import pytest

from fednet.aggregation import CountingWithinClip, aggregator
from fednet.combiner.engine.folding import Folding, merged
from fednet.combiner.engine.private_updates import PrivateUpdates, noisy, share_within_clip
from fednet.combiner.machine.orders import Noise
from fednet.parameters import Structure, model_format, write_model
from fednet.privacy import PrivacyTerms

NPZ = model_format("numpyhelper")
COUNT = 10_000
MODEL = [np.ones(COUNT, np.float32), np.array([5, 6])]
STRUCTURE = Structure.of(MODEL)
CLIP = 2.0
NOISE = Noise("0a" * 32, deviation=3.0)


@pytest.fixture
def folding_of(tmp_path):
    """Return a function that makes the folding of a phase under some terms."""
    write_model(tmp_path / "model.npz", MODEL)

    def make(kind=None, **terms):
        private = PrivateUpdates.of(tmp_path / "model.npz", NPZ, PrivacyTerms(CLIP, **terms))
        return Folding(kind or aggregator("fedavg"), STRUCTURE, NPZ, private=private)

    return make


@pytest.fixture
def fold(tmp_path):
    """Return a function that lets a client's update be folded."""

    def send(folding, arrays, num_examples=1.0, metadata=()):
        write_model(tmp_path / "update.npz", arrays)
        return folding.fold(tmp_path / "update.npz", num_examples, dict(metadata))

    return send


def moved_by(step, counter=5, dtype=np.float32):
    moved = MODEL[0].astype(np.float64) + step
    return [moved.astype(dtype), np.array([counter, 6])]


def step_of(partial):
    return next(iter(partial.finish())).astype(np.float64) - MODEL[0]


@pytest.mark.parametrize(
    ("arrays", "num_examples"),
    [
        (moved_by(1e6), 1.0),
        (moved_by(1e6), 2.0**53),
        (moved_by(-1e30), 1e300 / 1e290),
        (moved_by(1e100, dtype=np.float64), 1.0),
        (moved_by(0.5, dtype=np.float16), 1e-9),
        (moved_by(0.5, counter=10**9), 1.0),
    ],
)
def test_no_client_changes_the_sum_by_more_than_the_clip(folding_of, fold, arrays, num_examples):
    """Whatever it sends, and however many examples it claims, beside an honest client that moves nothing."""
    folding = folding_of()
    fold(folding, MODEL)

    assert fold(folding, arrays, num_examples) == 1.0

    numbers, counter = folding.partial.finish()
    sum_of_steps = 2 * (numbers.astype(np.float64) - MODEL[0])
    assert np.linalg.norm(sum_of_steps) <= CLIP * 1.001
    assert counter.tolist() == [5, 6]


def test_a_clients_own_noise_is_not_cut_and_more_than_noise_is(folding_of, fold):
    """The longest update with the local mechanism has the norm of the clip and of the noise together."""
    deviation = 0.5
    folding = folding_of(deviation=deviation)
    honest = np.random.default_rng(1).normal(0, deviation, COUNT)

    fold(folding, moved_by(honest))
    assert np.linalg.norm(step_of(folding.partial)) == pytest.approx(
        np.linalg.norm(honest), rel=1e-3
    )
    fold(folding, moved_by(1e9))
    assert np.linalg.norm(2 * step_of(folding.partial) - honest) == pytest.approx(
        CLIP + deviation * (COUNT**0.5 + 6), rel=1e-3
    )


def test_noise_is_in_the_sum_once_whatever_the_number_of_partials(folding_of, fold):
    """Its standard deviation is that of the order over the number of updates; the partials stay without it."""
    foldings = [folding_of() for _ in range(3)]
    for folding in foldings:
        fold(folding, moved_by(0.0))
        fold(folding, moved_by(0.0))
    kind, partials = aggregator("fedavg"), [folding.partial for folding in foldings]

    made = noisy(kind, STRUCTURE, merged(kind, STRUCTURE, partials), NOISE)
    alone = noisy(kind, STRUCTURE, merged(kind, STRUCTURE, partials[:1]), NOISE)

    assert step_of(made).std() == pytest.approx(NOISE.deviation / 6, rel=0.03)
    assert step_of(alone).std() == pytest.approx(NOISE.deviation / 2, rel=0.03)
    assert [step_of(partial).any() for partial in partials] == [False] * 3


def test_the_same_noise_comes_again_and_another_key_gives_other_noise(folding_of, fold):
    """So a merge that is repeated after a crash releases nothing new."""
    folding = folding_of()
    fold(folding, moved_by(0.01))
    kind = aggregator("fedavg")

    one, same, other = (
        list(noisy(kind, STRUCTURE, folding.partial, noise).finish())
        for noise in (NOISE, NOISE, Noise("0b" * 32, NOISE.deviation))
    )

    np.testing.assert_array_equal(one[0], same[0])
    assert abs(np.corrcoef(one[0], other[0])[0, 1]) < 0.05


def test_updates_within_the_clip_are_counted_as_their_clients_say(folding_of, fold, tmp_path):
    """Also in a partial that was saved; anything but true counts as beyond, and the share has noise."""
    kind = CountingWithinClip(aggregator("fedavgm"))
    folding = folding_of(kind, counts=True)
    for said in (True, False, 1, "true", 1e300, None, True):
        fold(folding, moved_by(0.0), metadata={"within_clip": said})
    folding.partial.save(tmp_path / "partial.npz")
    loaded = kind.load(tmp_path / "partial.npz", STRUCTURE)

    assert (folding.partial.within_clip, loaded.within_clip, loaded.updates) == (2, 2, 7)
    shares = [
        share_within_clip([loaded, loaded], Noise(f"{number:064x}", 1.0, count_deviation=7.0))
        for number in range(400)
    ]
    assert np.mean(shares) == pytest.approx(4 / 14, abs=0.1)
    assert np.std(shares) == pytest.approx(7 / 14, rel=0.15)
    assert share_within_clip([loaded], NOISE) is None


def test_a_saved_count_beyond_the_updates_is_refused(folding_of, fold, tmp_path):
    """A damaged partial is no partial."""
    kind = CountingWithinClip(aggregator("fedavg"))
    folding = folding_of(kind, counts=True)
    fold(folding, moved_by(0.0), metadata={"within_clip": True})
    folding.partial.within_clip = 2
    folding.partial.save(tmp_path / "partial.npz")

    with pytest.raises(Exception, match="impossible"):
        kind.load(tmp_path / "partial.npz", STRUCTURE)


def test_the_key_of_the_noise_is_in_no_text():
    """Neither where an order is logged, nor in an error that shows it."""
    assert NOISE.key not in repr(NOISE)
    assert NOISE.key not in json.dumps(str(NOISE))
