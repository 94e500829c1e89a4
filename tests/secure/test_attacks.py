"""Attacks of an active controller or combiner on honest clients: each is refused, with its reason."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from secure_world import MemoryVault, SecureClient, SecureWorld, pet_terms, secagg_terms

from fednet.errors import PermissionDenied, SecureRoundFailed
from fednet.secure.bitmaps import bitmap_of
from fednet.secure.identities import Identity
from fednet.secure.keys import private_key, public_bytes
from fednet.secure.masks import add_masks
from fednet.secure.rosters import Card, KeysAnswer
from fednet.secure.secagg_forms import SEALED_VALUES_BYTES

BOTH = [pet_terms(5, 4, 2), secagg_terms(5)]


def text_of(content):
    return base64.b64encode(content).decode()


def finished(terms):
    """Return the world after a round."""
    world = SecureWorld(terms)
    world.run()
    return world


def messages_of(world, step):
    return world.protocol.messages(step, world.record)


def with_survivors(world, message, names):
    """Return a message with another set of survivors, in the form of its protocol."""
    if world.terms.sum_participants:
        return {**message, "survivors": sorted(names)}
    positions = [world.names.index(name) for name in names]
    return {**message, "survivors": text_of(bitmap_of(positions, len(world.names)))}


def attackers_card(world, client, seed=99, **changes):
    """Return a card of a client whose keys the attacker has made and signed."""
    identity = Identity(seed.to_bytes(32, "big"))
    size = 1 if world.terms.sum_participants else 2
    keys = public_bytes(private_key(bytes([7] * 32))) * size
    signed = KeysAnswer.signed(world.record.context, client, identity, keys)
    return {**Card(client=client, **signed.model_dump()).values(), **changes}


def cards_in(message):
    return "roster" if isinstance(message["roster"], list) else "neighbours"


def with_card(message, index, card):
    """Return a message in which one card was exchanged."""
    name = cards_in(message)
    cards = list(message[name])
    cards[index] = {**cards[index], **card}
    return {**message, name: cards}


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_an_exchanged_identity_is_refused(terms):
    """A client that knows another one from an earlier round does not take the attacker's keys for its."""
    world = finished(terms)
    later = replace(world.record.context, round_id="round-2")
    step = world.protocol.before[1]
    world.record = replace(world.record, context=later, answers={}, survivors=())
    world.exchange("keys")
    for name, message in messages_of(world, step).items():
        victim = message[cards_in(message)][0]["client"]
        if victim == name:
            continue
        forged = with_card(message, 0, attackers_card(world, victim))

        assert deals_nothing_to_strangers(world.clients[name].participant.answer(forged), 1)


def deals_nothing_to_strangers(answer, count):
    """Return True if an answer names so many strangers and has no secret for them."""
    if "sealed" not in answer:
        return len(answer["strangers"]) == count
    nothing = base64.b64decode(answer["sealed"]).count(bytes(SEALED_VALUES_BYTES))
    return len(answer["strangers"]) == nothing == count


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_keys_that_the_identity_has_not_signed_are_refused(terms):
    """The attacker keeps the identity and exchanges the keys below it."""
    world = SecureWorld(terms)
    world.exchange("keys")
    name, message = messages_of(world, world.protocol.before[1]).popitem()
    forged = with_card(message, 1, {"keys": attackers_card(world, "client1")["keys"]})

    with pytest.raises(PermissionDenied, match="not signed by its identity"):
        world.clients[name].participant.answer(forged)


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_keys_of_another_round_are_refused(terms):
    """A signature holds for its round, so old keys are of no use."""
    world = SecureWorld(terms)
    world.exchange("keys")
    name, message = messages_of(world, world.protocol.before[1]).popitem()

    with pytest.raises(PermissionDenied, match="not signed by its identity"):
        world.clients[name].participant.answer({**message, "round_id": "round-2"})


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_keys_under_other_terms_are_refused(terms):
    """The attacker cannot lower the threshold after the keys are signed."""
    world = SecureWorld(terms)
    world.exchange("keys")
    name, message = messages_of(world, world.protocol.before[1]).popitem()
    weaker = replace(terms, clip=1.0)

    with pytest.raises(PermissionDenied, match="not signed by its identity"):
        world.clients[name].participant.answer({**message, "terms": weaker.text})


def test_a_client_that_pins_identities_trusts_nobody_else():
    """An invented client is refused, even on first use."""
    world = SecureWorld(pet_terms())
    pins = {name: client.identity.public for name, client in world.clients.items()}
    del pins["client1"]
    world.clients["client4"] = SecureClient("client4", 4, pinned=pins)
    world.exchange("keys")
    message = messages_of(world, "seeds")["client4"]

    assert world.clients["client4"].participant.answer(message) == {"strangers": ["client1"]}
    with pytest.raises(PermissionDenied, match="client1 is not trusted"):
        world.clients["client4"].participant.masks_of_update({**message, "step": "train"})


def test_a_forged_sum_dictionary_is_refused():
    """In Xaynet the coordinator may invent all sum participants; here known clients have to sign their keys."""
    world = SecureWorld(pet_terms(5, 3, 2))
    pins = {name: client.identity.public for name, client in world.clients.items()}
    world.clients["client4"].vault = MemoryVault(bytes(32), pins)
    world.exchange("keys")
    message = messages_of(world, "seeds")["client4"]
    invented = [attackers_card(world, f"sum{number}", 50 + number) for number in range(3)]
    known = [attackers_card(world, f"client{number}", 50 + number) for number in range(3)]

    for roster in (invented, known):
        forged = {**message, "roster": roster}
        assert deals_nothing_to_strangers(world.clients["client4"].participant.answer(forged), 3)
        with pytest.raises(PermissionDenied, match="is not trusted"):
            world.clients["client4"].participant.masks_of_update({**forged, "step": "train"})


@pytest.mark.parametrize("places", [[0], [0, 1], [0, 0, 0], [0, 1, 1], [0, 1, 2, 3]])
def test_another_number_of_sum_participants_is_refused(places):
    """Each of them is another client, and there are as many as the terms say."""
    world = SecureWorld(pet_terms(5, 3, 2))
    world.exchange("keys")
    message = messages_of(world, "seeds")["client4"]
    more = [*message["roster"], attackers_card(world, "client9")]
    forged = {**message, "roster": [more[place] for place in places]}

    with pytest.raises(PermissionDenied, match="sum participants, and its terms ask for 3"):
        world.clients["client4"].participant.answer(forged)


@pytest.mark.parametrize("step", ["seeds", "check", "confirm"])
def test_a_sum_participant_whose_own_keys_were_exchanged_refuses(step):
    """It would otherwise vouch for seeds that somebody else can open."""
    world = finished(pet_terms(5, 3, 2))
    message = messages_of(world, step)["client0"]
    own = attackers_card(world, "client0")
    forged = with_card(message, 0, own)

    with pytest.raises(PermissionDenied, match="exchanged"):
        world.clients["client0"].participant.answer(forged)


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_a_second_roster_in_one_round_is_refused(terms):
    """A client deals its secrets to one set of clients in a round, also after a restart."""
    world = finished(terms)
    step = world.protocol.before[1]
    name, message = messages_of(world, step).popitem()
    if "neighbours" in message:
        forged = {**message, "roster": text_of(bytes(32))}
    else:
        forged = {**message, "roster": message["roster"][::-1]}

    with pytest.raises(PermissionDenied, match="another roster in this round"):
        world.clients[name].participant.answer(forged)


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_sum_of_one_or_two_is_refused(terms, count):
    """With one survivor the sum would be its update."""
    world = finished(terms)
    name, message = min(messages_of(world, "confirm").items())
    forged = with_survivors(world, message, world.names[:count])
    world.clients[name].vault.promises.clear()

    with pytest.raises(PermissionDenied, match=f"would have {count} updates"):
        world.clients[name].participant.answer(forged)


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_a_controller_cannot_end_a_round_with_two_updates(terms):
    """An honest controller ends it before it asks."""
    world = SecureWorld(terms, lost={"train": ["client1", "client2", "client3"]})

    with pytest.raises(SecureRoundFailed, match=r"2 .*masked updates"):
        world.run()


def test_a_survivor_that_is_named_twice_does_not_count_twice():
    """The set is in order, and each name is another one."""
    world = finished(pet_terms())
    message = messages_of(world, "confirm")["client0"]

    for names in (["client0"] * 3, ["client2", "client1", "client0"]):
        with pytest.raises(PermissionDenied, match="in order"):
            world.clients["client0"].participant.answer({**message, "survivors": names})


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_another_set_of_survivors_is_refused_after_the_first(terms):
    """A client signs one set in a round, whoever asks and however often."""
    world = finished(terms)
    for name, message in messages_of(world, "confirm").items():
        others = [*[each for each in world.names if each not in {name, "client4"}][:2], name]
        forged = with_survivors(world, message, others)
        participant = world.clients[name].participant

        with pytest.raises(PermissionDenied, match="another set of survivors"):
            participant.answer(forged)
        assert participant.answer(message) == world.record.answers["confirm"][name]


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_survivors_that_differ_between_clients_reveal_nothing(terms):
    """Half of the clients hear of U and half of U': neither set has a quorum."""
    world = SecureWorld(terms)
    for step in world.protocol.before:
        world.exchange(step)
    world.train()
    halves = [world.names[:4], world.names[1:]]

    def tampered(_step, client, message):
        return with_survivors(world, message, halves[world.names.index(client) % 2])

    world.tampered = tampered
    world.exchange_anyway("confirm")
    world.tampered = lambda _step, _client, message: message
    reveals = world.protocol.after[1]
    for names in halves:
        world.record = replace(world.record, survivors=tuple(names))
        with pytest.raises(SecureRoundFailed):
            messages_of(world, reveals)
        for name, message in forged_reveals(world, reveals, names).items():
            with pytest.raises(
                PermissionDenied, match=r"have signed|another set of survivors|none of them"
            ):
                answer_of(world, name, message)


def forged_reveals(world, step, names):
    """Return the messages of a controller that goes on with all signatures that it has."""
    context = world.record.context
    signatures = {
        name: answer["signature"] for name, answer in world.record.answers["confirm"].items()
    }
    confirmed = finished(world.terms)
    messages = messages_of(confirmed, step)
    assert confirmed.record.context == context
    forged = {}
    for name, message in messages.items():
        given = (
            {each: text for each, text in signatures.items() if each in message["signatures"]}
            if isinstance(message["signatures"], dict)
            else [
                {"position": world.names.index(each), "signature": text}
                for each, text in signatures.items()
            ]
        )
        forged[name] = with_survivors(world, {**message, "signatures": given}, names)
        if "subsets" in message:
            dealings = {each: message["dealings"][each] for each in names}
            forged[name]["dealings"] = dealings
    return forged


def answer_of(world, name, message):
    participant = world.clients[name].participant
    if message["step"] == "masks":
        return participant.masks_of_sum(message)
    return participant.answer(message)


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_signatures_of_others_make_no_quorum(terms):
    """Too few, repeated, foreign and damaged signatures do not count."""
    world = finished(terms)
    name, message = min(messages_of_last(world).items())
    given = message["signatures"]
    damaged = text_of(bytes(64))
    if isinstance(given, dict):
        forgeries = [
            {},
            dict(list(given.items())[:2]),
            dict.fromkeys(given, damaged),
            {f"stranger{number}": text for number, text in enumerate(given.values())},
        ]
    else:
        forgeries = [
            [],
            given[:2],
            [given[0]] * 5,
            [{**each, "signature": damaged} for each in given],
            [{**each, "position": (each["position"] + 1) % 5} for each in given],
        ]

    for signatures in forgeries:
        with pytest.raises(PermissionDenied, match="have signed this set of survivors"):
            answer_of(world, name, {**message, "signatures": signatures})


def messages_of_last(world):
    """Return the messages of the step that reveals, as if nobody had answered it yet."""
    world.record = replace(world.record, assigned={})
    return messages_of(world, world.protocol.after[1])


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_a_combiner_that_asks_twice_learns_nothing_more(terms):
    """The same question has the same answer; a question for another set is refused."""
    world = finished(terms)
    for name, message in messages_of_last(world).items():
        assert answer_of(world, name, message) == answer_of(world, name, message)
        others = with_survivors(world, message, [each for each in world.names if each != "client4"])
        with pytest.raises(PermissionDenied):
            answer_of(world, name, others)


@pytest.mark.parametrize("subsets", [[0], [1, 1], [9], [-1]])
def test_masks_that_a_sum_participant_does_not_hold_are_refused(subsets):
    """Each mask is asked for once, of one who holds its seed."""
    world = finished(pet_terms(5, 3, 2))
    message = {**messages_of_last(world)["client0"], "subsets": subsets}

    with pytest.raises(PermissionDenied, match="this client holds"):
        world.clients["client0"].participant.masks_of_sum(message)


def test_seeds_of_others_than_the_survivors_are_refused():
    """A sum participant adds up the masks of the signed set, of each member once."""
    world = finished(pet_terms())
    message = messages_of_last(world)["client0"]
    fewer = {name: each for name, each in message["dealings"].items() if name != "client3"}
    crossed = {**message["dealings"], "client3": message["dealings"]["client2"]}

    with pytest.raises(PermissionDenied, match="not those of the survivors"):
        world.clients["client0"].participant.masks_of_sum({**message, "dealings": fewer})
    with pytest.raises(PermissionDenied, match="client3"):
        world.clients["client0"].participant.masks_of_sum({**message, "dealings": crossed})


def test_seeds_of_an_earlier_round_do_not_open_in_a_later_one():
    """A replay of sealed seeds under a new round is refused: seals and signatures are bound to their round."""
    world = finished(pet_terms())
    old = world.record.answers["seeds"]
    context = replace(world.record.context, round_id="round-2")
    world.record = replace(world.record, context=context, answers={}, assigned={}, survivors=())
    world.exchange("keys")
    world.exchange("seeds")
    world.record = replace(world.record, answers={**world.record.answers, "seeds": old})

    world.exchange("check")

    everybody = sorted(world.names)
    assert all(answer["bad"] == everybody for answer in world.record.answers["check"].values())


def test_shares_of_an_earlier_round_do_not_open_in_a_later_one():
    """A replay of sealed shares under a new round reveals nothing."""
    world = finished(secagg_terms())
    old = messages_of(world, "reveal")["client0"]["shares"]
    context = replace(world.record.context, round_id="round-2")
    world.record = replace(world.record, context=context, answers={}, survivors=())
    world.updates.clear()
    world.run()
    message = {**messages_of(world, "reveal")["client0"], "shares": old}

    revealed = world.clients["client0"].participant.answer(message)["shares"]

    assert [each["position"] for each in revealed] == [0]


def test_masks_of_another_set_of_dealers_never_cancel():
    """A client that was told another set of dealers keeps its update to itself: its masks are other ones."""
    world = SecureWorld(secagg_terms(5))
    for step in world.protocol.before:
        world.exchange(step)
    message = messages_of(world, "train")["client0"]
    fewer = text_of(bitmap_of([0, 1, 2, 3], 5))

    honest = world.clients["client0"].participant.masks_of_update(message)
    world.clients["client0"].vault.promises.clear()
    lied_to = world.clients["client0"].participant.masks_of_update({**message, "dealers": fewer})

    assert {each.key for each in honest}.isdisjoint(each.key for each in lied_to)


@pytest.mark.parametrize(
    ("dealers", "reason"),
    [([0, 1, 2], "share this client's masks"), ([1, 2, 3, 4], "be one of"), ([0, 1], "be one of")],
)
def test_a_client_masks_its_update_with_enough_others_only(dealers, reason):
    """With few masks, or without a part in the sum, its own mask alone would protect the update."""
    world = SecureWorld(secagg_terms(5))
    for step in world.protocol.before:
        world.exchange(step)
    message = messages_of(world, "train")["client0"]
    forged = {**message, "dealers": text_of(bitmap_of(dealers, 5))}

    with pytest.raises(PermissionDenied, match=reason):
        world.clients["client0"].participant.masks_of_update(forged)


def test_a_stranger_among_the_dealers_is_refused():
    """A client neither masks its update with a client that it does not trust, nor reveals that one's shares."""
    world = finished(secagg_terms(5))
    train, reveal = (messages_of(world, step)["client0"] for step in ("train", "reveal"))
    world.clients["client0"].vault.known["client2"] = bytes(32)
    participant = world.clients["client0"].participant

    with pytest.raises(PermissionDenied, match=r"\[2\] .* are not trusted"):
        participant.masks_of_update(train)
    with pytest.raises(PermissionDenied, match=r"\[2\] .* are not trusted"):
        participant.answer(reveal)


def test_nobody_gives_masks_for_two_sets_of_dealers():
    """Two updates under different pairs, one of them revealed, would give the other away."""
    world = finished(secagg_terms(5))
    message = messages_of(world, "train")["client0"]
    forged = {**message, "dealers": text_of(bitmap_of([0, 1, 2, 3], 5))}

    with pytest.raises(PermissionDenied, match="another set of dealers"):
        world.clients["client0"].participant.masks_of_update(forged)


def test_never_both_secrets_of_one_client():
    """Whatever sets the controller tells, in whatever order: a client's holder reveals one kind of its shares."""
    world = finished(secagg_terms(6))
    record = world.record
    for name, message in messages_of(world, "reveal").items():
        forged = with_survivors(world, message, world.names[:5])
        if name == "client5":
            continue
        with pytest.raises(PermissionDenied, match="another set of survivors"):
            world.clients[name].participant.answer(forged)
    assert all(len(answer["shares"]) == 6 for answer in record.answers["reveal"].values())


@pytest.mark.parametrize(
    "changes",
    [
        {"clients": 4},
        {"clients": 6},
        {"position": 4},
        {"position": 9},
        {"neighbours": []},
    ],
)
def test_a_place_that_does_not_fit_is_refused(changes):
    """A client has one place among as many clients as it was told, with all of its neighbours."""
    world = finished(secagg_terms(5))
    message = messages_of(world, "shares")["client0"]

    with pytest.raises(PermissionDenied):
        world.clients["client0"].participant.answer({**message, **changes})


def test_a_neighbour_that_stands_at_two_places_is_refused():
    """The attacker cannot stand in for several clients."""
    world = SecureWorld(secagg_terms(5))
    world.exchange("keys")
    message = messages_of(world, "shares")["client0"]
    twin = {**message["neighbours"][0], "position": message["neighbours"][1]["position"]}
    neighbours = [message["neighbours"][0], twin, *message["neighbours"][2:]]

    with pytest.raises(PermissionDenied, match="neighbours are not those"):
        world.clients["client0"].participant.answer({**message, "neighbours": neighbours})


def test_other_neighbours_than_those_with_shares_are_refused():
    """A client masks with the clients that hold its shares, and not with inventions at their places."""
    world = SecureWorld(secagg_terms(5))
    for step in world.protocol.before:
        world.exchange(step)
    message = messages_of(world, "train")["client0"]
    forged = with_card(message, 0, attackers_card(world, "somebody"))

    with pytest.raises(PermissionDenied, match="another set of neighbours"):
        world.clients["client0"].participant.masks_of_update(forged)


def test_a_whole_attack_with_one_sum_participant_gives_no_update():
    """The controller and t - 1 sum participants know all but one mask of each update."""
    world = SecureWorld(pet_terms(5, 3, 2))
    world.run()
    corrupt = world.clients["client0"].participant
    held = messages_of_last(world)["client0"]
    keys = corrupt.masks_of_sum({**held, "subsets": [1, 2]})
    per_client = len(keys) // len(world.names)
    for index, name in enumerate(sorted(world.names)):
        masked = world.updates[name].copy()
        known = keys[index * per_client : (index + 1) * per_client]
        add_masks(masked, [replace(key, subtract=True) for key in known], "chacha20")

        assert not np.array_equal(masked, world.clients[name].update)
