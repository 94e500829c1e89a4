"""A short-lived token is made anew in time."""

from itertools import count

from fednet.identity import RenewedToken


def test_a_token_is_made_anew_at_half_of_its_life():
    """Until then the same one is given."""
    now, made = [0.0], count(1)
    token = RenewedToken(lambda: str(next(made)), 10.0, clock=lambda: now[0])

    given = []
    for now[0] in (0.0, 4.9, 5.0, 9.9, 10.0):
        given.append(token())

    assert given == ["1", "1", "2", "2", "3"]


def test_a_token_is_made_anew_when_another_key_signs():
    """The older key may be retired before the token ends."""
    key, made = ["older"], count(1)
    token = RenewedToken(lambda: str(next(made)), 10.0, lambda: key[0])
    before = token()

    key[0] = "newer"

    assert (before, token(), token()) == ("1", "2", "2")
