"""The work of a run: restore the user's object, call its methods, keep its attributes."""

from __future__ import annotations

import json
import linecache
import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from fednet import limits
from fednet.contract import check_source
from fednet.errors import InvalidModel, TaskFailed
from fednet.parameters import model_format, open_model, write_model
from fednet.server_functions._memory import load_memory, save_memory
from fednet.server_functions._offered import OFFERED
from fednet.server_functions._problems import FILE
from fednet.server_functions._run import MODEL, STATE, Run

_MODULE = "server_functions"
_SEED_NUMBERS = 2**32

Array = np.ndarray[Any, Any]


def perform(run: Run) -> dict[str, Any]:
    """Call the methods that the run is for, and keep what the object remembers.

    Raises:
        TaskFailed: What a method returned, or what the object remembers, cannot be taken.
        Exception: Whatever the user's code raises.
    """
    random.seed(run.seed)
    np.random.seed(random.randrange(_SEED_NUMBERS))  # noqa: NPY002, S311  the user's may be the old one
    declared = check_source(run.source)
    functions = _object_of(run, declared.name)
    with model_format(run.helper).open(Path(run.base)) as base:
        if run.updates:
            answer = _aggregate(functions, base.arrays, run)
        else:
            answer = _plan(functions, declared.methods, base.arrays, run)
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
    exec(compile(source, FILE, "exec", dont_inherit=True), vars(module))  # noqa: S102  that is what this process is for
    return module


def _plan(functions: Any, methods: tuple[str, ...], base: list[Array], run: Run) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if "client_selection" in methods:
        answer["clients"] = _chosen(functions.client_selection(list(run.clients)), run.clients)
    if "client_settings" in methods:
        answer["settings"] = _settings(functions.client_settings(list(base)))
    return answer


def _chosen(answer: object, known: list[str]) -> list[str]:
    if not isinstance(answer, list | tuple | set | frozenset):
        raise TaskFailed(
            f"client_selection returned {type(answer).__name__}: return a list of client ids."
        )
    if strangers := [each for each in answer if each not in known]:
        raise TaskFailed(
            f"client_selection returned {strangers[0]!r}, which is none of the ids that it was "
            "given: return some of those."
        )
    return sorted(set(answer))


def _settings(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(key, str) for key in answer):
        raise TaskFailed(
            'client_settings returned no dict of settings by name: return {"learning_rate": 0.1}.'
        )
    try:
        text = json.dumps(answer, allow_nan=False, default=_number)
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskFailed(f"What client_settings returned is no JSON: {error}.") from error
    if len(text) > limits.json_bytes_max:
        raise TaskFailed(
            f"What client_settings returned is more than {limits.json_bytes_max} bytes."
        )
    return dict(json.loads(text))


def _number(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is none of JSON's types")


def _aggregate(functions: Any, base: list[Array], run: Run) -> dict[str, Any]:
    with open_model(Path(run.updates)) as file:
        updates = {
            client: (file.arrays[place * len(base) : (place + 1) * len(base)], said)
            for place, (client, said) in enumerate(run.labels)
        }
    made = functions.aggregate(list(base), dict(sorted(updates.items())))
    if not isinstance(made, list | tuple):
        raise TaskFailed(f"aggregate returned {type(made).__name__}: return a list of arrays.")
    try:
        write_model(Path(MODEL), [np.asarray(array) for array in made])
    except (InvalidModel, ValueError) as error:  # NumPy's for lists that make no array
        raise TaskFailed(f"aggregate returned no model. {error}") from error
    return {}


def _keep(functions: Any) -> None:
    """Write down the attributes of the object; nothing where it has none."""
    if vars(functions):
        save_memory(Path(STATE), vars(functions))
