"""The routes that only FEDn has: those of 0.9 at the root, and a few of 0.33 below `/api/v1`.

Each translates to the same services as `/api/v1` and answers in FEDn's form. What FEDn answers with
an error of its own making (`/get_active_clients`) is answered; its secrets are not. Refusals have
the status that tells the truth, except those of `/start_session`, which programs read from an
answer 200.
"""

from . import clients, drafts, events, models, network, packages, sessions

apis = [module.api for module in (clients, drafts, events, models, network, packages, sessions)]

__all__ = ["apis"]
