"""Who may call a combiner, and for how long an open stream may."""

import asyncio

import pytest

from fednet import limits
from fednet.combiner.gatekeeper import Gatekeeper
from fednet.contract import Principal, Role
from fednet.errors import Unauthenticated, Unavailable
from fednet.identity import Claims, Signer, TokenUse, combiner_audience, new_signing_key

SITE = Principal.of(Role.CLIENT, "site-id", "site")
OTHER = Principal.of(Role.CLIENT, "other-id", "other")


@pytest.fixture(scope="module")
def signers():
    """Return the makers of tokens with the older key and with the newer one."""
    return [Signer.from_pem(new_signing_key()) for _ in range(2)]


@pytest.fixture
def gatekeeper(signers):
    gatekeeper = Gatekeeper()
    gatekeeper.admit("combiner-id", [signers[0].public_key])
    return gatekeeper


def token_of(signer, principal=SITE, seconds=60.0, parent="membership-id"):
    audience = combiner_audience("combiner-id")
    claims = Claims.of(principal, TokenUse.PLACEMENT, seconds, audience=audience, parent=parent)
    return signer.sign_claims(claims)


@pytest.fixture
def open_stream(gatekeeper, signers):
    """Give a function that opens a stream; it gives its admission, and an event that its end sets."""

    def opened(*given, **options):
        ended = asyncio.Event()
        claims = gatekeeper.read(token_of(signers[0], *given, **options))
        return gatekeeper.open(claims, ended.set), ended

    return opened


def test_before_the_registration_nobody_may_call(signers):
    """The combiner knows no key yet."""
    with pytest.raises(Unauthenticated, match="not registered"):
        Gatekeeper().read(token_of(signers[0]))


@pytest.mark.parametrize("revoked", ["site-id", "membership-id"])
async def test_a_stream_ends_when_its_token_is_revoked(gatekeeper, signers, open_stream, revoked):
    """By the id of its principal or of its parent; others go on."""
    (gone, gone_ended), (stays, stays_ended) = open_stream(), open_stream(OTHER, parent="its-own")
    with gone, stays:
        gatekeeper.refuse([revoked])

        assert (gone_ended.is_set(), stays_ended.is_set()) == (True, False)
        with pytest.raises(Unauthenticated, match="revoked"):
            gone.check()
    with pytest.raises(Unauthenticated, match="revoked"):
        gatekeeper.read(token_of(signers[0]))


async def test_a_stream_ends_with_its_token(open_stream, monkeypatch):
    """The clocks' difference is forgiven, here as elsewhere."""
    monkeypatch.setattr(limits, "clock_skew_seconds_max", 0)
    stream, ended = open_stream(seconds=0.1)

    with stream:
        await ended.wait()

        with pytest.raises(Unauthenticated, match="expired"):
            stream.check()


async def test_a_stream_goes_on_with_a_newer_token(gatekeeper, signers, open_stream, monkeypatch):
    """It ends with the newest one that it was given."""
    monkeypatch.setattr(limits, "clock_skew_seconds_max", 0)
    stream, ended = open_stream(seconds=0.1)
    with stream:
        stream.renew(token_of(signers[0], seconds=60.0))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1.5)
        gatekeeper.refuse([stream.claims.id])
        assert ended.is_set()


async def test_a_stream_takes_nobody_elses_token(signers, open_stream):
    """A client cannot lend its stream to another one."""
    stream, _ = open_stream()
    with stream, pytest.raises(Unauthenticated, match="somebody else"):
        stream.renew(token_of(signers[0], OTHER))


async def test_a_stream_that_has_ended_is_forgotten(gatekeeper, open_stream):
    """Nobody ends it again."""
    stream, ended = open_stream()
    with stream:
        pass

    gatekeeper.refuse(["site-id"])

    assert not ended.is_set()


async def test_a_client_that_is_placed_elsewhere_needs_a_new_token(
    gatekeeper, signers, open_stream
):
    """The one that it has is refused from now on; a newer one of the controller is taken."""
    stream, ended = open_stream()
    with stream:
        gatekeeper.displace(["site-id"])
        assert ended.is_set()

    gatekeeper.read(token_of(signers[0]))


async def test_two_keys_are_trusted_while_one_follows_the_other(gatekeeper, signers, open_stream):
    """Once the older one is retired, its tokens are refused and their streams end."""
    older, newer = (signer.public_key for signer in signers)
    stream, ended = open_stream()
    with stream:
        gatekeeper.trust([newer, older])
        assert gatekeeper.read(token_of(signers[1])).principal == SITE
        assert not ended.is_set()

        gatekeeper.trust([newer])
        assert ended.is_set()
    with pytest.raises(Unauthenticated, match="retired"):
        gatekeeper.read(token_of(signers[0]))


async def test_a_combiner_with_another_identity_ends_the_streams_of_its_earlier_one(
    gatekeeper, signers, open_stream
):
    """Tokens name the earlier one, so these callers could fetch and deliver nothing; they ask the controller again."""
    stream, ended = open_stream()
    with stream:
        gatekeeper.admit("combiner-id", [signers[0].public_key])
        assert not ended.is_set()

        gatekeeper.admit("another-id", [signers[0].public_key])
        assert ended.is_set()
        with pytest.raises(Unauthenticated, match="another identity"):
            stream.check()


async def test_a_combiner_that_leaves_the_network_sends_its_callers_to_the_controller(
    gatekeeper, open_stream
):
    """One that only stops lets them come back."""
    for close, reason in (
        (gatekeeper.leave_network, Unauthenticated),
        (gatekeeper.close, Unavailable),
    ):
        stream, ended = open_stream()
        with stream:
            close()

            assert ended.is_set()
            with pytest.raises(reason):
                stream.check()


def test_refused_ids_are_forgotten_once_no_token_can_have_them(gatekeeper, monkeypatch):
    """Their number stays bounded."""
    monkeypatch.setattr(limits, "placement_token_seconds", -1000.0)
    gatekeeper.refuse(["a", "b"])
    gatekeeper.refuse(["c"])

    assert len(gatekeeper._refused) == 0
