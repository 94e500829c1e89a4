"""The work of a run: restore the user's object, call its methods, keep its attributes."""

from __future__ import annotations

import json
import linecache
import random
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fednet import limits
from fednet.contract import check_source
from fednet.errors import InvalidModel, TaskFailed
from fednet.json_values import strictly_parsed
from fednet.parameters import Parameters, in_order, model_format, open_model, write_model
from fednet.server_functions._memory import load_memory, save_memory
from fednet.server_functions._offered import OFFERED
from fednet.server_functions._problems import FILE
from fednet.server_functions._run import MODEL, STATE, Run

_MODULE = "server_functions"
_SEED_NUMBERS = 2**32

Array = np.ndarray[Any, Any]


def perform(run: Run) -> dict[str, Any]:
    """Call the methods of the run, and save the attributes of the object.

    Raises:
        TaskFailed: The result of a method, or an attribute of the object, is invalid.
        Exception: The user's code raises it.
    """
    random.seed(run.seed)
    np.random.seed(random.randrange(_SEED_NUMBERS))  # noqa: NPY002, S311  users' code may use the old generators
    declared = check_source(run.source)
    functions = _object_of(run, declared.name)
    with model_format(run.helper).open(Path(run.base)) as base:
        if run.updates:
            answer = _aggregate(functions, Parameters(base.arrays, base.structure.names), run)
        else:
            parameters = Parameters(base.arrays, base.structure.names)
            answer = _plan(functions, declared.methods, parameters, run)
    _keep(functions)
    return answer


def _object_of(run: Run, name: str) -> Any:
    kind = getattr(_module_of(run.source), name)
    if run.state is None:
        return kind()
    remembered = load_memory(Path(run.state))
    functions = kind.__new__(kind)
    vars(functions).update(remembered)
    return functions


def _module_of(source: str) -> types.ModuleType:
    """Return a module of the source, under a name that dataclasses and tracebacks find."""
    lines = source.splitlines(keepends=True)
    linecache.cache[FILE] = (len(source), None, lines, FILE)
    module = types.ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    vars(module).update(OFFERED)
    exec(compile(source, FILE, "exec", dont_inherit=True), vars(module))  # noqa: S102  this process exists to run it
    return module


def _plan(functions: Any, methods: tuple[str, ...], base: Parameters, run: Run) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if "client_selection" in methods:
        answer["clients"] = _chosen(functions.client_selection(list(run.clients)), run.clients)
    if "client_settings" in methods:
        answer["settings"] = _settings(functions.client_settings(base))
    return answer


def _chosen(answer: object, known: list[str]) -> list[str]:
    if not isinstance(answer, list | tuple | set | frozenset):
        raise TaskFailed(
            f"client_selection returned {type(answer).__name__}: return a list of client ids."
        )
    if strangers := [each for each in answer if each not in known]:
        raise TaskFailed(
            f"client_selection returned {strangers[0]!r}, which is not one of the given ids: return "
            "some of these."
        )
    return sorted(set(answer))


def _settings(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(key, str) for key in answer):
        raise TaskFailed(
            'client_settings must return a dict of settings by name, such as {"learning_rate": 0.1}.'
        )
    try:
        text = json.dumps(answer, allow_nan=False, default=_number)
        settings = strictly_parsed(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskFailed(f"client_settings returned a value that is not JSON: {error}.") from error
    if len(text) > limits.json_bytes_max:
        raise TaskFailed(
            f"client_settings returned more than {limits.json_bytes_max} bytes: return less."
        )
    return dict(settings)


def _number(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a type of JSON")


def _aggregate(functions: Any, base: Parameters, run: Run) -> dict[str, Any]:
    with open_model(Path(run.updates)) as file:
        updates = {
            client: (Parameters(arrays, base.names), said)
            for (client, said), arrays in zip(
                run.labels, _divided(file.arrays, len(base)), strict=False
            )
        }
    names = base.names
    made = functions.aggregate(base, dict(sorted(updates.items())))
    if isinstance(made, Mapping):
        made = _by_name(made, names)
    if not isinstance(made, list | tuple):
        raise TaskFailed(f"aggregate returned {type(made).__name__}: return a list of arrays.")
    try:
        write_model(Path(MODEL), [np.asarray(array) for array in made])
    except (
        InvalidModel,
        ValueError,
    ) as error:  # NumPy's errors for lists that do not form an array
        raise TaskFailed(f"aggregate did not return a model. {error}") from error
    return {}


def _divided(arrays: list[Array], count: int) -> Iterator[list[Array]]:
    """Yield the arrays of each update."""
    return (arrays[start : start + count] for start in range(0, len(arrays), count))


def _by_name(made: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    try:
        return in_order(made, names)
    except InvalidModel as error:
        raise TaskFailed(f"aggregate did not return a model. {error.message}") from error


def _keep(functions: Any) -> None:
    """Save the attributes of the object, if it has any."""
    if vars(functions):
        save_memory(Path(STATE), vars(functions))
