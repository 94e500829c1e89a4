"""All targets of fuzzing, by name."""

from . import messages, models, packages, participants, secure, tokens, urls, xaynet
from .target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for room in (models, packages, participants, tokens, messages, secure, urls, xaynet)
    for target in room.TARGETS
}
