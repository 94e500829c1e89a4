"""The module fednet/api_lists.py: the methods of APIClient that list, count and get the declared resources."""

from __future__ import annotations

import textwrap
from typing import Final

from fednet.contract import RESOURCES, ResourceDeclaration, ResourceFilter, resource_named
from fednet.fedn_filters import TRANSLATED

_BEGIN: Final = '''\
"""Lists, counts and single objects: the part of APIClient that follows from the declared resources.

Generated from `fednet/contract/_resources.py` by `make docs`: change the declarations, not this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

from fednet.api_pages import count_of, list_of, named_object_of, object_of
from fednet.fedn_filters import FednFilters, in_our_source, in_our_words

if TYPE_CHECKING:
    from fednet.http import Http

__all__ = ["APILists", "in_our_source"]


class APILists:
    """Lists, counts and gets the objects of a network.

    A list is `{"count": all that the filters find, "result": the objects}`, the newest first. A filter that is None
    takes everything.
    """

    _http: Http
'''
_WIDTH: Final = 100
_ALSO_BY_NAME: Final = frozenset({"sessions"})
_N_MAX: Final = ResourceFilter("n_max", "The most objects to return; all if None.")


def file() -> str:
    """Return the text of the module."""
    methods = [method for resource in RESOURCES for method in _methods(resource)]
    return _BEGIN + "".join(f"\n{textwrap.indent(method, '    ')}" for method in methods)


def _methods(resource: ResourceDeclaration) -> list[str]:
    if resource.part_of:
        return [_list_of_parts(resource)]
    return [_get(resource), _list(resource), _count(resource)]


def _get(resource: ResourceDeclaration) -> str:
    if resource.name in _ALSO_BY_NAME:
        return _get_by_name(resource)
    article = "an" if resource.one[0] in "aeiou" else "a"
    return f'''\
def get_{resource.one}(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
    """Return {article} {resource.one}, by its {resource.key}.

    Raises:
        NotFound: There is no such {resource.one}.
    """
    return object_of(self._http, "{resource.name}", id)
'''


def _get_by_name(resource: ResourceDeclaration) -> str:
    return f'''\
def get_{resource.one}(
    self,
    id: str | None = None,  # noqa: A002 - the name of the field
    name: str | None = None,
) -> dict[str, Any]:
    """Return a {resource.one}, by its {resource.key} or else the newest one of a name.

    Raises:
        NotFound: There is no such {resource.one}.
    """
    return named_object_of(self._http, "{resource.name}", id, name)
'''


def _count(resource: ResourceDeclaration) -> str:
    return f'''\
def get_{resource.name}_count(self) -> int:
    """Return the number of {resource.name}."""
    return count_of(self._http, "{resource.name}")
'''


def _list(resource: ResourceDeclaration) -> str:
    return _list_method(resource, f"get_{resource.name}", f'"{resource.name}"', [])


def _list_of_parts(resource: ResourceDeclaration) -> str:
    whole = resource_named(resource.part_of)
    key = ResourceFilter(f"{whole.one}_id", f"The id of the {whole.one}.")
    route = f"f\"{whole.name}/{{quote({key.argument}, safe='')}}/{resource.name}\""
    return _list_method(resource, f"get_{whole.one}_{resource.name}", route, [key])


def _list_method(
    resource: ResourceDeclaration, name: str, route: str, required: list[ResourceFilter]
) -> str:
    by_position = [each for each in resource.filters if each.argument in resource.positional]
    by_position.sort(key=lambda each: resource.positional.index(each.argument))
    by_keyword = [each for each in resource.filters if each not in by_position]
    takes_fedns = resource.name in TRANSLATED
    lines = [
        f"def {name}(",
        "    self,",
        *(f"    {each.argument}: str," for each in required),
        *map(_parameter, by_position),
        "    n_max: int | None = None,",
        *["    *,"] * bool(by_keyword),
        *map(_parameter, by_keyword),
        *["    **fedns: Unpack[FednFilters],"] * takes_fedns,
        ") -> dict[str, Any]:",
        f'    """List {resource.meaning}.',
        "",
        "    Args:",
        *map(_argument, [*required, *by_position, _N_MAX, *by_keyword]),
        *["        **fedns: The same filters by FEDn's keywords."] * takes_fedns,
        *_raises(resource),
        '    """',
        "    filters = {",
        *(f'        "{each.path}": {each.argument},' for each in resource.filters),
        "    }",
        *[f'    filters |= in_our_words("{resource.name}", fedns)'] * takes_fedns,
        f"    return list_of(self._http, {route}, n_max, filters)",
    ]
    return "\n".join(lines) + "\n"


def _raises(resource: ResourceDeclaration) -> list[str]:
    if not resource.part_of:
        return []
    whole = resource_named(resource.part_of).one
    return ["", "    Raises:", f"        NotFound: There is no such {whole}."]


def _parameter(filter_: ResourceFilter) -> str:
    note = "  # noqa: A002 - the name of the field" if filter_.argument == "id" else ""
    return f"    {filter_.argument}: str | None = None,{note}"


def _argument(filter_: ResourceFilter) -> str:
    text = f"{filter_.argument}: {filter_.meaning}"
    return textwrap.fill(text, _WIDTH - 4, initial_indent=" " * 8, subsequent_indent=" " * 12)
