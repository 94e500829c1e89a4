"""The privacy account of a session through retries, losses and crashes, and the noise of its models."""

import pytest
from session_world import restarted

from fednet.controller.sessions.engine.requests import Authority, call_of
from fednet.controller.sessions.machine.events import ReduceRefused
from fednet.controller.sessions.machine.orders import ReduceRound, StartPhase
from fednet.controller.sessions.machine.privacy import (
    PrivacyAccount,
    noise_of,
    spent_privacy,
    terms_of,
)
from fednet.controller.sessions.machine.state import Session, Status
from fednet.privacy import epsilon_after
from fednet.wire import tasks_pb2

KEY = "12" * 32
DP = {"clip": 2.0, "noise_multiplier": 3.0}


@pytest.fixture
def private_world(new_world):
    """Return a function that makes a world around a private session."""

    def make(dp=(), **fields):
        return new_world(dp={**DP, **dict(dp)}, privacy=PrivacyAccount(KEY, 2.0), **fields)

    return make


def messages(world, kind):
    """Return the calls that the orders of a kind under way become."""
    orders = [order for order in world.orders if isinstance(order, kind)]
    right = Authority("controller", 1)
    return [call_of(world.session, order, right, lambda _: "signed").message for order in orders]


def until(world, step):
    """Let the world go on until a step is under way and its order given."""
    while world.step != step:
        world.obey() if world.orders else world.hear() if world.news else world.answer(
            *next(iter(world.open_tasks()))
        )


def rounds(world):
    made = [each for decision in world.decisions for each in decision.projections]
    return [each.fields for each in made if each.collection == "rounds"]


def test_each_round_costs_one_release_and_its_document_says_so(private_world):
    """ε of the last document is that of as many releases as there were rounds."""
    world = private_world(rounds=3)

    world.play()

    finished = [each["privacy"] for each in rounds(world) if each["status"] == "Finished"]
    assert [each["releases"] for each in finished] == [1, 2, 3]
    assert finished[-1]["epsilon"] == epsilon_after(3, 3.0, 1e-5)
    assert {each["clip"] for each in finished} == {2.0}


def test_a_release_is_counted_before_the_model_is_ordered(private_world):
    """A controller that dies after the order finds it in the privacy account."""
    world = private_world()

    until(world, "reduce")

    assert [type(order) for order in world.orders] == [ReduceRound]
    assert restarted(world).session.privacy.releases == 1


def test_a_repeated_merge_has_the_same_noise_and_costs_nothing(private_world):
    """Within one attempt, from whichever controller and to whichever combiner the order goes."""
    world = private_world()
    until(world, "reduce")
    (first,) = messages(world, ReduceRound)

    again = restarted(world)
    again.begin()
    first_again, *_, second = messages(again, ReduceRound)

    assert first.noise == first_again.noise == second.noise
    assert first.noise.deviation == 6.0
    assert again.session.privacy.releases == 1


def test_another_attempt_has_other_noise_and_costs_another_release(private_world):
    """The first merge may have left a model of the same updates."""
    world = private_world(round_retries=1)
    until(world, "reduce")
    (first,) = messages(world, ReduceRound)
    world.orders.clear()

    world.tell(ReduceRefused(first.model_id, "no room"))
    world.pass_time()
    until(world, "reduce")
    (second,) = messages(world, ReduceRound)

    assert first.noise.key != second.noise.key
    assert world.session.privacy.releases == 2


def test_a_committed_model_leaves_no_key_of_its_noise(private_world):
    """The key is another one afterwards, and was in no text."""
    world = private_world(rounds=2)
    until(world, "reduce")
    before = noise_of(world.session, world.session.round.model_id)
    number = world.session.number

    while world.session.number == number:
        world.obey() if world.orders else world.hear()

    assert world.session.privacy.noise_key != KEY
    assert KEY not in repr(world.session)
    assert before.key not in repr(before)
    assert world.session.privacy.noise_key not in repr(world.session)


def test_the_budget_ends_the_session_after_the_last_round_that_it_allows(private_world):
    """The session has finished; no order of the next round was given."""
    world = private_world({"epsilon_max": epsilon_after(2, 3.0, 1e-5)}, rounds=5)

    world.play()

    assert world.session.status is Status.FINISHED
    assert world.session.number == 2
    assert world.session.reason.startswith("the privacy budget is spent: ε is ")


def test_a_round_that_has_failed_may_not_be_tried_again_beyond_the_budget(private_world):
    """The session has failed, though it has retries left, and says both reasons."""
    world = private_world({"epsilon_max": epsilon_after(1, 3.0, 1e-5)}, round_retries=5)
    until(world, "reduce")

    world.tell(ReduceRefused(world.session.round.model_id, "no room"))

    assert world.session.status is Status.FAILED
    assert "no room" in world.session.reason
    assert "the privacy budget is spent" in world.session.reason


def test_a_budget_ends_a_continued_session_at_once(private_world):
    """More rounds do not make more privacy."""
    world = private_world({"epsilon_max": epsilon_after(1, 3.0, 1e-5)})
    world.play()
    world.session.reopen(3)

    again = restarted(world)
    again.begin()
    again.play()

    assert again.session.status is Status.FINISHED
    assert (again.session.number, again.session.privacy.releases) == (1, 1)
    assert "the privacy budget is spent" in again.session.reason


def test_clients_add_noise_with_the_local_mechanism_and_combiners_none(private_world):
    """The terms say how much, under a kind of task that a client without privacy refuses."""
    world = private_world({"mechanism": "local"})
    terms, _ = messages(world, StartPhase)

    until(world, "reduce")
    (reduction,) = messages(world, ReduceRound)

    assert '"deviation": 6.0' in terms.privacy
    assert terms.kind == tasks_pb2.TRAIN_PRIVATELY
    assert not reduction.HasField("noise")


def test_a_client_that_answers_anew_after_a_loss_costs_another_release(private_world):
    """Its combiner dies with its disk, after the answer was in: what the client sends now has other noise."""
    world = private_world({"mechanism": "local"})
    world.obey()
    world.obey()
    answered, *_ = world.open_tasks()
    world.answer(*answered)
    while world.news:
        world.hear()
    counted = world.session.privacy.releases

    world.kill(answered[0], loses_disk=True)
    world.move(answered[2], {"a": "b", "b": "a"}[answered[0]])
    while world.news:
        world.hear()
    world.pass_time()

    assert (counted, world.session.privacy.releases) == (1, 2)
    world.play()
    assert max(world.trainings.values()) == 2


def test_a_loss_within_a_round_may_exceed_the_budget_and_ends_the_session(private_world):
    """With the local mechanism, the combiner that has lost an answer asks again; no further round begins."""
    budget = epsilon_after(1, 3.0, 1e-5)
    world = private_world({"mechanism": "local", "epsilon_max": budget}, rounds=5)
    world.obey()
    world.obey()
    answered, *_ = world.open_tasks()
    world.answer(*answered)
    while world.news:
        world.hear()
    world.kill(answered[0], loses_disk=True)
    world.move(answered[2], {"a": "b", "b": "a"}[answered[0]])
    world.play()

    spent = spent_privacy(world.session)
    assert (world.session.number, spent["releases"]) == (1, 2)
    assert spent["epsilon"] == epsilon_after(2, 3.0, 1e-5) > budget
    assert "the privacy budget is spent" in world.session.reason


def test_an_adaptive_clip_follows_the_noisy_share(private_world):
    """Andrew et al.: clip * exp(-rate * (share - quantile)); a share beyond 0 to 1 counts as its end."""
    adaptive = {"clipping": "adaptive", "target_quantile": 0.5, "clip_learning_rate": 0.2}
    world = private_world(adaptive)
    options, account = world.session.options.privacy, world.session.privacy
    clips = []

    for share in (0.0, 1.0, 9.0, -9.0, 0.5):
        account.clip = 1.0
        account.commit(options, share)
        clips.append(account.clip)

    assert clips == pytest.approx([1.1051709, 0.9048374, 0.9048374, 1.1051709, 1.0])
    assert terms_of(world.session).counts


def test_an_adaptive_clip_costs_as_much_as_a_fixed_one(private_world):
    """The noise on the sum and on the count together are those of the noise multiplier."""
    world = private_world({"clipping": "adaptive"})
    noise = noise_of(world.session, "model")

    clip = world.session.privacy.clip
    assert (noise.deviation / clip) ** -2 + noise.count_deviation**-2 == pytest.approx(3.0**-2)
    assert noise.count_deviation == 6.0


def test_the_account_comes_back_with_the_state(private_world):
    """Another controller goes on with the same key, clip and releases."""
    world = private_world(rounds=2)
    until(world, "reduce")

    assert Session.from_dict(world.session.to_dict()).privacy == world.session.privacy
