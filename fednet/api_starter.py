"""The calls that start something, with the declared options as arguments.

Generated from `fednet/contract/_session_options.py` by `make docs`: change the declarations, not this file.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fednet.server_functions import source_of

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.http import Http


class APIStarter:
    """The part of APIClient that starts sessions."""

    _http: Http

    def start_session(
        self,
        id: str | None = None,  # noqa: A002 - the name of the field
        aggregator: str = "fedavg",
        aggregator_kwargs: dict[str, Any] | None = None,
        model_id: str | None = None,
        round_timeout: float = 180,
        rounds: int = 5,
        round_buffer_size: int = -1,
        delete_models: bool = True,
        validate: bool = True,
        helper: str | None = None,
        min_clients: int = 1,
        requested_clients: int = 8,
        *,
        name: str | None = None,
        round_retries: int = 3,
        seed: int | None = None,
        server_functions: type | str | Path | None = None,
        settings: dict[str, Any] | None = None,
        update_codec: str = "plain",
        examples_max: float | None = None,
        dp: dict[str, Any] | None = None,
        models_kept: int | None = None,
        secure: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Start a session; `docs/sessions.md` has a table of the options with their limits.

        Args:
            id: The session's id, unique in the network; by default a new UUID.
            aggregator: The name of the rule that makes a round's model from updates.
            aggregator_kwargs: The aggregator's settings, by name.
            model_id: The id of the model to begin with; by default the active model.
            round_timeout: The time that a round waits for updates, in seconds. Then it goes on if
                at least min_clients have answered. With an aggregator that takes stale updates,
                each client's training has as long, too.
            rounds: The number of rounds.
            round_buffer_size: The number of updates that is enough to aggregate; -1 for all
                selected clients. With an aggregator that takes stale updates, -1 is for half of
                requested_clients, at most 10 and at least min_clients.
            delete_models: True if combiners delete a round's updates when the round is over; else
                they keep them in their data folder.
            validate: True if clients validate the model of each round.
            helper: The format of the model file; by default that of the model to begin with, and no
                other is accepted.
            min_clients: The number of clients that must answer, in the whole network, for a round
                to count.
            requested_clients: The largest number of clients asked in each round; drawn at random if
                more are connected. With an aggregator that takes stale updates, the number that
                train at once.
            name: A name for people; by default the id.
            round_retries: The number of times that a round with too few answers is repeated before
                the session has failed.
            seed: The seed of the draw: the same seed draws the same of the same clients. By default
                the session's id.
            server_functions: The source of a class that chooses clients, gives them settings or
                aggregates; see server-functions.md. Give the class, its source, or the path of a
                file with it.
            settings: Hyperparameters, JSON values by name, that the code of clients gets with each
                task. The aggregator's and the server functions' settings of the same name replace
                them.
            update_codec: The codec of updates on their way to a combiner: plain, or parts of
                delta+bf16+zstd and delta+int8+zstd in this order; see codecs.md. A client that does
                not know the codec sends plain updates.
            examples_max: The largest number of examples for which an update counts: one that
                reports more counts as so many. By default each update counts as it reports; a
                status names the clients that report far more than others.
            dp: Differential privacy for clients: an object with clip, noise_multiplier and more;
                see privacy.md. By default there is none.
            models_kept: The number of the session's newest models that keep their files; by default
                all do. The older models stay in the trail without a file, except for the active
                one, pinned ones, and those that the session still uses.
            secure: Secure aggregation, so that nobody sees a single update: pet, secagg+, or an
                object with protocol and more; see secure-aggregation.md. By default combiners see
                each update.

        Returns:
            success (True), message, session_id and config.

        Raises:
            InvalidInput: An option is invalid; names it.
            AlreadyExists: The id is taken.
            FailedPrecondition: There is no model, or too few clients are connected; says what to do.
        """
        options = {
            "id": id or str(uuid.uuid4()),
            "aggregator": aggregator,
            "aggregator_kwargs": aggregator_kwargs,
            "model_id": model_id,
            "round_timeout": round_timeout,
            "rounds": rounds,
            "round_buffer_size": round_buffer_size,
            "delete_models": delete_models,
            "validate": validate,
            "helper": helper,
            "min_clients": min_clients,
            "requested_clients": requested_clients,
            "name": name,
            "round_retries": round_retries,
            "seed": seed,
            "server_functions": None if server_functions is None else source_of(server_functions),
            "settings": settings,
            "update_codec": update_codec,
            "examples_max": examples_max,
            "dp": dp,
            "models_kept": models_kept,
            "secure": secure,
        }
        return self._http.create("/api/v1/sessions/", options)

    def start_predictions(
        self,
        prediction_id: str | None = None,
        model_id: str | None = None,
        requested_clients: int | None = None,
        round_timeout: float = 180,
        *,
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Let clients predict with a model, in a session of its own.

        `wait_session(prediction_id)` waits until all have answered, and
        `get_predictions(prediction_id=prediction_id)` returns their results.

        Args:
            prediction_id: The id of the prediction session, unique in the network; by default a new
                UUID.
            model_id: The id of the model to predict with; by default the active model.
            requested_clients: The largest number of clients asked; by default all that can predict.
            round_timeout: The time that the clients may take, in seconds.
            settings: JSON values by name that the code of clients gets with the task.

        Returns:
            success (True), message and prediction_id.

        Raises:
            InvalidInput: An option is invalid; names it.
            AlreadyExists: The id is taken.
            FailedPrecondition: There is no model, or too few clients are connected; says what to do.
        """
        options = {
            "prediction_id": prediction_id or str(uuid.uuid4()),
            "model_id": model_id,
            "requested_clients": requested_clients,
            "round_timeout": round_timeout,
            "settings": settings,
        }
        return self._http.create("/api/v1/predictions/start", options)
