"""Masks: key streams as words of a ring."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet import limits
from fednet.errors import InvalidInput
from fednet.secure.masks import MaskKey, add_masks

# The first 64 bytes of each stream under a key of zeros. ChaCha20: RFC 8439, appendix A.1, test vector 1. AES-256: of
# the blocks 0 and 1, as the GCM specification (McGrew and Viega, 2005) has them in its test cases 13 and 14.
GOLDEN = {
    "chacha20": "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    "aes-ctr": "dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738b",
}
CIPHERS = tuple(GOLDEN)
DTYPES = (np.uint32, np.uint64)

keys = st.builds(MaskKey, st.binary(min_size=32, max_size=32), st.booleans())


def one_shot(key, cipher, dtype, count):
    """The mask of a key, made in one piece."""
    kinds = {
        "chacha20": lambda: Cipher(algorithms.ChaCha20(key, bytes(16)), None),
        "aes-ctr": lambda: Cipher(algorithms.AES(key), modes.CTR(bytes(16))),
    }
    stream = kinds[cipher]().encryptor().update(bytes(count * dtype().itemsize))
    return np.frombuffer(stream, np.dtype(dtype).newbyteorder("<"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_mask_is_the_published_stream_of_its_cipher(cipher, dtype):
    """The bytes of the stream are little-endian words, so other implementations make the same mask."""
    golden = bytes.fromhex(GOLDEN[cipher])
    vector = np.zeros(len(golden) // dtype().itemsize, dtype)

    add_masks(vector, [MaskKey(bytes(32))], cipher)

    assert vector.astype(vector.dtype.newbyteorder("<")).tobytes() == golden


@settings(max_examples=30)
@given(
    st.lists(keys, max_size=4),
    st.sampled_from(CIPHERS),
    st.sampled_from(DTYPES),
    st.integers(0, 3),
    st.integers(-1, 1),
)
def test_masks_are_the_same_whatever_the_blocks(given_keys, cipher, dtype, whole_blocks, more):
    """A vector of any length gets the sum of the whole streams, each added or subtracted."""
    count = max(0, whole_blocks * limits.mask_block_bytes // dtype().itemsize + more)
    vector = np.arange(count, dtype=dtype)
    expected = vector.copy()
    for key in given_keys:
        mask = one_shot(key.key, cipher, dtype, count)
        expected = expected - mask if key.subtract else expected + mask

    add_masks(vector, given_keys, cipher)

    assert np.array_equal(vector, expected)


@given(st.lists(keys, min_size=1, max_size=5), st.sampled_from(CIPHERS), st.sampled_from(DTYPES))
def test_added_and_subtracted_masks_cancel(given_keys, cipher, dtype):
    """Nothing remains of a mask that is added by one party and subtracted by another, in any order."""
    vector = np.full(1000, 7, dtype)
    opposite = [MaskKey(key.key, not key.subtract) for key in reversed(given_keys)]

    add_masks(vector, given_keys, cipher)
    assert not (vector == 7).all() or _cancel(given_keys)
    add_masks(vector, opposite, cipher)

    assert (vector == 7).all()


def _cancel(given_keys):
    """True if the keys are pairs of opposite ones."""
    totals = {}
    for key in given_keys:
        totals[key.key] = totals.get(key.key, 0) + (-1 if key.subtract else 1)
    return not any(totals.values())


def test_a_key_of_another_length_is_refused():
    """A key has 32 bytes, for both ciphers."""
    with pytest.raises(InvalidInput, match="16 bytes; it must have 32"):
        MaskKey(bytes(16))


def test_an_unknown_cipher_is_refused():
    """The message lists the ciphers."""
    with pytest.raises(InvalidInput, match="chacha20, aes-ctr"):
        add_masks(np.zeros(1, np.uint32), [MaskKey(bytes(32))], "rot13")


def test_a_key_is_not_shown():
    """A key of a mask is a secret, so it is in no log and in no traceback."""
    assert "ab" * 4 not in repr(MaskKey(b"ab" * 16))
