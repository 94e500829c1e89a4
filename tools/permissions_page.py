"""The generated part of docs/permissions.md: who may use which route and which rpc, read from the code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from flask import Flask

from fednet.combiner.facades.wire.models_service import ModelsService
from fednet.combiner.facades.wire.rounds_service import RoundsService
from fednet.combiner.facades.wire.tasks_service import TasksService
from fednet.contract import OPEN, PERMISSIONS, Permission, Role, permission_of
from fednet.controller.app import app_of_routes
from fednet.wire import models_pb2, rounds_pb2, tasks_pb2

_SERVICES: Final[tuple[tuple[Any, str, type], ...]] = (
    (tasks_pb2, "Tasks", TasksService),
    (models_pb2, "Models", ModelsService),
    (rounds_pb2, "Rounds", RoundsService),
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def part() -> str:
    """Return the tables of permissions, routes and rpcs."""
    return "\n".join(
        [
            "",
            "## Permissions of the roles",
            "",
            *_table(["permission", *Role], _permissions()),
            "",
            "## Routes of the REST API",
            "",
            *_table(["route", "permission", *Role], _rows(_routes(app_of_routes()))),
            "",
            "## Rpcs of a combiner",
            "",
            *_table(["rpc", "permission", *Role], _rows(_rpcs())),
            "",
        ]
    )


def _permissions() -> Iterator[list[str]]:
    for permission in Permission:
        yield [f"`{permission}`", *_marks(permission)]


def _routes(app: Flask) -> Iterator[tuple[str, Any]]:
    """Yield each route with its permission, sorted by path."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    for rule in rules:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        permission = permission_of(app.view_functions[rule.endpoint])
        for method in _METHODS:
            if method in (rule.methods or ()):
                yield f"{method} {path}", permission


def _rpcs() -> Iterator[tuple[str, Any]]:
    """Yield each rpc of the wire contract with its permission."""
    for module, name, servicer in _SERVICES:
        for method in module.DESCRIPTOR.services_by_name[name].methods:
            yield f"{name}.{method.name}", permission_of(getattr(servicer, method.name))


def _rows(found: Iterable[tuple[str, Any]]) -> Iterator[list[str]]:
    for what, permission in found:
        if permission is OPEN:
            yield [f"`{what}`", "open to all, without a token", *("yes" for _ in Role)]
        else:
            yield [f"`{what}`", f"`{permission}`", *_marks(permission)]


def _marks(permission: Permission) -> list[str]:
    return ["yes" if permission in PERMISSIONS[role] else "" for role in Role]


def _table(head: Iterable[str], rows: Iterable[list[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("|  ", "| ")
