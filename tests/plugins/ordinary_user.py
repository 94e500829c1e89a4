"""A test without root's right to ignore the modes of files."""

import ctypes
import os

import pytest

_VERSION = 0x20080522  # of linux/capability.h, with 64 capabilities in two words
_IGNORE_MODES = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_SET_SECUREBITS, _NO_ROOT = 28, 1  # of linux/prctl.h and linux/securebits.h


@pytest.fixture
def ordinary_user():
    """Take this right away from the test's thread and its child processes, if it has it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    _call(libc.capget, header, sets)
    before = sets[0]
    if not before & _IGNORE_MODES:
        yield
        return
    sets[0] &= ~_IGNORE_MODES
    _call(libc.prctl, _SET_SECUREBITS, _NO_ROOT, 0, 0, 0)  # else each new program has all rights
    _call(libc.capset, header, sets)
    yield
    sets[0] = before
    _call(libc.capset, header, sets)
    _call(libc.prctl, _SET_SECUREBITS, 0, 0, 0, 0)


def _call(function, *arguments):
    if function(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
