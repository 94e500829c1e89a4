"""The proof that fednet's participants and Xaynet's published ones understand one another in one round.

`make test-xaynet` makes the environment of the published ones and runs this file; as it is not called `test_…`, the
other tests pass it by. Each of the published ones is a process of its own, because it holds the interpreter lock.
"""

import json
import queue
import subprocess
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from small_coordinator import CONFIG, SmallCoordinator, identities, seed_for, serving
from xaynet_controllers import controllers

from fednet.client.participant import ParticipantABC, spawn_participant
from fednet.client.participant.state import State
from fednet.client.participant.values import Standing
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType

SECONDS = 120
HERE = Path(__file__).parent
KEYS = identities(3)
OURS = {key.public for key in KEYS}
ALL = 8  # half of them ours; each has a model that shows in a mean
SCALARS = (1.0, 0.5, 0.3, 0.1, 0.75, 0.25, 0.9, 0.6)
OUR_MODEL, THEIR_MODEL = [0.5, -0.25, 1.0, 0.0], [-1.0, 0.125, 0.3, 0.7]
OUR_SCALAR, THEIR_SCALAR = 1.0, 0.25
WIDE = MaskConfig(GroupType.Integer, DataType.F64, BoundType.B2, ModelType.M9)


class Watched(SmallCoordinator):
    """Remembers who has made which model."""

    def __init__(self, *arguments, **options):
        self.made = []
        super().__init__(*arguments, **options)

    def _finish(self, mask):
        sums, updates = set(self.masks), set(self.updates)
        super()._finish(mask)
        self.made.append((sums, updates, self.models[-1].weights()))


class Member(ParticipantABC):
    """Returns always the same model."""

    def __init__(self, model, tell=lambda _model: None):
        self.model, self.on_new_global_model = model, tell

    def train_round(self, _training_input):
        return self.model

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model


@pytest.fixture
def stack():
    """Ends what a test has started."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_theirs(repository, stack):
    """Return a function that starts one of the published participants."""

    def start(url, scalar=THEIR_SCALAR, model=THEIR_MODEL):
        python = repository / ".venv-xaynet" / "bin" / "python"
        command = [python, HERE / "member.py", url, str(scalar), json.dumps(model)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)

    return start


def seeds(sums, updates):
    """Return the seeds of many rounds in which these participants have these tasks."""
    found = [seed_for(sums, updates)]
    while len(found) < 50:
        found.append(seed_for(sums, updates, int.from_bytes(found[-1], "little") + 1))
    return found


@pytest.mark.parametrize("config", [CONFIG, WIDE], ids=["F32-B0-M3", "F64-B2-M9"])
@pytest.mark.parametrize("sums_are_ours", [True, False], ids=["our-mask", "their-mask"])
def test_models_of_both_have_one_mean(start_theirs, stack, config, sums_are_ours):
    """With the masks added up by a sum participant of either kind."""
    sums = KEYS[:1] if sums_are_ours else []
    updates = KEYS[len(sums) :]
    coordinator = Watched(seeds(sums, updates), (1, len(updates) + 2, 1), config)

    def wanted():
        return [
            (updated, model)
            for summed, updated, model in coordinator.made
            if bool(summed & OURS) is sums_are_ours and updated & OURS and updated - OURS
        ]

    url = stack.enter_context(serving(coordinator))
    for _ in range(4):
        start_theirs(url)
    for key in KEYS:
        state = State(key, OUR_SCALAR, Standing()).to_list()
        stack.callback(spawn_participant(url, Member, (OUR_MODEL,), state=state).stop)
    coordinator.play_until(wanted)
    updated, model = wanted()[0]

    weights = [OUR_SCALAR if each in OURS else THEIR_SCALAR for each in updated]
    models = [OUR_MODEL if each in OURS else THEIR_MODEL for each in updated]
    assert np.allclose(model, np.average(models, axis=0, weights=weights), rtol=0, atol=1e-7)


def test_both_take_part_in_rounds_of_our_coordinator(start_theirs, stack, tmp_path):
    """Each model is the mean of those who took part; soon both have."""
    url = stack.enter_context(controllers(tmp_path, ALL))().xaynet_url
    models, told = np.eye(ALL), queue.SimpleQueue()
    for number in range(0, ALL, 2):
        start_theirs(url, SCALARS[number], models[number].tolist())
        args = (models[number + 1], told.put)
        stack.callback(spawn_participant(url, Member, args, scalar=SCALARS[number + 1]).stop)

    members = np.zeros(ALL, bool)
    while not (members[::2].any() and members[1::2].any()):
        model = told.get(timeout=SECONDS)
        members = np.zeros(ALL, bool) if model is None else np.array(model) > 1e-6
        if members.any():
            mean = np.average(models, axis=0, weights=np.where(members, SCALARS, 0))
            assert np.allclose(model, mean, rtol=0, atol=1e-7)
