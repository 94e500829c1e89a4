"""FEDn 0.9's routes at the root, for its clients and for programs written against it.

Each translates to the same services as `/api/v1` and answers in FEDn's form. What FEDn answers with
an error of its own making (`/get_active_clients`) is answered; its secrets are not. Refusals have
the status that tells the truth, except those of `/start_session`, which programs read from an
answer 200. The OpenAPI document leaves these routes out: new programs use `/api/v1`.
"""

from . import events, models, network, packages, sessions

apis = [module.api for module in (events, models, network, packages, sessions)]

__all__ = ["apis"]
