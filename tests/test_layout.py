"""The rules of the house that a machine can hold: floors, rooms, names and sizes."""

import ast
import configparser
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

# Each room of the house by its floor, from the ground up; a room imports only from floors below it.
FLOORS = (
    ("errors", "files", "limits", "task_ids"),
    ("digests",),
    (
        "addresses",
        "audit",
        "backoff",
        "blob_ref",
        "clocks",
        "budgets",
        "config_file",
        "fedn_filters",
        "json_values",
        "log_context",
        "names",
        "readiness",
        "secret_files",
        "update_codec",
    ),
    ("tls",),
    ("environment",),
    ("contract", "own_address", "settings", "traces"),
    ("http_pools", "proxies"),
    ("http_errors",),
    ("http_attempts",),
    ("certificates", "http", "identity", "packages", "parameters", "processes", "wire"),
    (
        "aggregation",
        "codecs",
        "feed",
        "helpers",
        "host",
        "monitoring",
        "plots",
        "privacy",
        "rpc",
        "sandbox",
        "server_functions",
        "storage",
        "xaynet",
    ),
    ("api_pages", "api_starter", "api_storage", "collectors", "enrolment", "secure"),
    ("api_lists",),
    ("api_reader",),
    ("client", "combiner", "controller"),
    ("api_client",),
    ("fednet",),  # the package itself: APIClient and the errors, re-exported
    ("examples", "testing"),
    ("cli",),
    ("__main__",),  # and the `cli` module of each component, which fednet.cli loads by entry point
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
COMPONENTS = ("client", "combiner", "controller")
PUBLIC_ROOMS = (
    "aggregation",
    "codecs",
    "contract",
    "helpers",
    "host",
    "identity",
    "monitoring",
    "packages",
    "parameters",
    "privacy",
    "processes",
    "rpc",
    "sandbox",
    "server_functions",
    "storage",
    "xaynet",
)
PURE_ROOMS = (
    "fednet.client.participant.machine",
    "fednet.client.participant.values",
    "fednet.combiner.machine",
    "fednet.controller.facades.xaynet.machine",
    "fednet.controller.sessions.machine",
    "fednet.xaynet",
)
IMPURE = (
    "asyncio",
    "concurrent",
    "grpc",
    "logging",
    "os",
    "pathlib",
    "queue",
    "socket",
    "threading",
    "time",
)
IMPURE_ROOMS = ("http", "identity", "packages", "processes", "rpc", "storage", "wire")
LINES_MAX = 800
LONGER_FILES: set[str] = set()  # each with its reason; take a name out when its file has shrunk


@dataclass(frozen=True)
class Module:
    """One Python file of the installed package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The first name below fednet; `fednet` for the package itself."""
        return room_of(self.name)

    @property
    def package(self) -> str:
        """The package that its relative imports begin from."""
        is_package = self.path.name == "__init__.py"
        return self.name if is_package else self.name.rpartition(".")[0]

    def __str__(self) -> str:
        return self.name


def room_of(name: str) -> str:
    return [*name.split("."), "fednet"][1]


def floor_of(name: str) -> int:
    if room_of(name) in COMPONENTS and name.endswith(".cli"):
        return FLOOR_OF["__main__"]
    return FLOOR_OF.get(room_of(name), len(FLOORS))


def packages_of(repository: Path) -> dict[str, Path]:
    """The folder of each package that setup.cfg declares, found as setuptools finds it."""
    config = configparser.ConfigParser()
    config.read(repository / "setup.cfg")
    options = config["options"]
    lines = [line.split("=") for line in options["package_dir"].strip().splitlines()]
    roots = {package.strip(): folder.strip() for package, folder in lines}
    return {name: folder_of(name, roots, repository) for name in options["packages"].split()}


def folder_of(name: str, roots: dict[str, str], repository: Path) -> Path:
    if name in roots:
        return repository / roots[name]
    parent, _, last = name.rpartition(".")
    return folder_of(parent, roots, repository) / last


def files_of(packages: dict[str, Path]) -> list[tuple[str, Path]]:
    """The dotted name and the path of each Python file in these packages."""
    return [
        (package if path.stem == "__init__" else f"{package}.{path.stem}", path)
        for package, folder in packages.items()
        for path in folder.glob("*.py")
    ]


@pytest.fixture(scope="module")
def packages(repository: Path) -> dict[str, Path]:
    """Every declared package and its folder."""
    return packages_of(repository)


@pytest.fixture(scope="module")
def modules(packages: dict[str, Path]) -> list[Module]:
    """Every module that fednet installs, generated code left out."""
    files = files_of(packages)
    return [Module(name, path, parsed(path)) for name, path in files if "_pb2" not in name]


@pytest.fixture(scope="module")
def names(packages: dict[str, Path]) -> set[str]:
    """The name of every module and package, to tell a module from what stands in one."""
    return {name for name, _ in files_of(packages)}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def imports_of(module: Module, names: set[str]) -> Iterator[tuple[str, int]]:
    """Each module of fednet that this one imports, wherever in the file, and the relative level."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names if is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module.package)
            inner = [f"{base}.{alias.name}" for alias in node.names]
            found = {name if name in names else base for name in inner}
            yield from ((name, node.level) for name in found if is_ours(name))


def every_import(module: Module) -> Iterator[str]:
    """Each module that this one imports, also those that are not ours."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module.package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")
    kept = above[: len(above) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "fednet"


def crossings(modules: list[Module], names: set[str]) -> list[tuple[Module, str]]:
    """Every import that leaves its room: the module, and the name of what it imports."""
    found = [(module, name) for module in modules for name, _ in imports_of(module, names)]
    return [(module, name) for module, name in found if room_of(name) != module.room]


def test_every_room_has_a_floor(modules: list[Module]) -> None:
    """A new folder or module in fednet is given its place in FLOORS first."""
    assert {module.room for module in modules} - set(FLOOR_OF) == set()


def test_rooms_import_only_from_floors_below(modules: list[Module], names: set[str]) -> None:
    """Data and knowledge flow one way: nothing imports what stands beside or above it."""
    upward = [
        f"{module} imports {name}"
        for module, name in crossings(modules, names)
        if floor_of(name) >= floor_of(module.name)
    ]

    assert upward == []


def test_components_never_import_one_another(modules: list[Module], names: set[str]) -> None:
    """Controller, combiner and client know each other by the wire and the REST API only."""
    shared = [
        f"{module} imports {name}"
        for module, name in crossings(modules, names)
        if module.room in COMPONENTS and room_of(name) in COMPONENTS
    ]

    assert shared == []


def test_pure_rooms_import_nothing_that_does_io(modules: list[Module], names: set[str]) -> None:
    """A state machine gets events and the time as arguments: no clock, no thread, no store, no wire."""
    pure = [module for module in modules if module.name.startswith(PURE_ROOMS)]
    ours = [
        f"{module} imports {name}"
        for module in pure
        for name, _ in imports_of(module, names)
        if room_of(name) in IMPURE_ROOMS
    ]
    foreign = [
        f"{module} imports {name}"
        for module in pure
        for name in foreign_imports_of(module)
        if name.partition(".")[0] in IMPURE
    ]

    assert pure
    assert [*ours, *foreign] == []


def foreign_imports_of(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def test_no_component_has_two_classes_of_one_name(modules: list[Module]) -> None:
    """A word means one thing, also in the shared library; the models of REST answers are named after what they show."""
    places: dict[tuple[str, str], list[str]] = {}
    for module in modules:
        component = module.room if module.room in COMPONENTS else "shared"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault((component, node.name), []).append(module.name)

    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_room_reaches_into_another_ones_private_modules(
    modules: list[Module], names: set[str]
) -> None:
    """A room is used by the names that its `__init__.py` exports."""
    reaching = [
        f"{module} imports {name}"
        for module, name in crossings(modules, names)
        if any(part.startswith("_") for part in name.split("."))
    ]

    assert reaching == []


def test_the_client_knows_the_wire_at_its_border_only(modules: list[Module]) -> None:
    """Protobuf becomes values of the client in its connection, its stream and its translation only."""
    border = {f"fednet.client.{name}" for name in ("connection", "messages", "stream")}

    speaking = {
        module.name
        for module in modules
        if module.room == "client"
        and any(
            name.startswith(("fednet.wire", "google.protobuf")) for name in every_import(module)
        )
    }

    assert speaking == border


def test_the_controller_knows_the_wire_at_its_links_only(modules: list[Module]) -> None:
    """Messages become values where they leave and arrive: in the links, in requests and in the news of combiners."""
    engine = "fednet.controller.sessions.engine"
    border = {f"{engine}.link", f"{engine}.requests", f"{engine}.from_combiners"}

    speaking = {
        module.name
        for module in modules
        if module.room == "controller"
        and any(
            name.startswith(("fednet.wire", "google.protobuf")) for name in every_import(module)
        )
    }

    assert speaking == border


def test_components_are_relative_inside_and_absolute_outside(
    modules: list[Module], names: set[str]
) -> None:
    """A component moves in one piece: `from .x` for its own, `from fednet.x` for the library."""
    mixed = [
        f"{module} imports {name}"
        for module in modules
        if module.room in COMPONENTS
        for name, level in imports_of(module, names)
        if (level > 0) is not (room_of(name) == module.room)
    ]

    assert mixed == []


def test_only_the_combiners_facade_knows_the_wire(modules: list[Module]) -> None:
    """Inside are its own values; messages become values at its border, in `facades/`."""
    inside = [
        module
        for module in modules
        if module.room == "combiner" and ".facades." not in f"{module.name}."
    ]
    wire = ("fednet.wire", "google.protobuf", "grpc_health")

    assert [
        f"{module} imports {name}"
        for module in inside
        for name in foreign_imports_of(module)
        if name.startswith(wire)
    ] == []
    assert any(name.startswith(wire) for each in modules for name in foreign_imports_of(each))


def test_the_combiners_facades_use_its_ports_and_values_only(
    modules: list[Module], names: set[str]
) -> None:
    """A protocol knows what the combiner can do, and not how: it imports no module of the engine."""
    inside = ("fednet.combiner.facades", "fednet.combiner.machine")
    allowed = ("fednet.combiner.ports", "fednet.combiner.shielded")
    facades = [module for module in modules if module.name.startswith(inside[0])]
    ours = [
        (module, name)
        for module in facades
        for name, _ in imports_of(module, names)
        if room_of(name) == "combiner"
    ]

    assert any(name in allowed for _, name in ours)
    assert [
        f"{module} imports {name}"
        for module, name in ours
        if not name.startswith(inside) and name not in allowed
    ] == []


def test_the_controllers_facades_stand_above_its_own_api(
    modules: list[Module], names: set[str]
) -> None:
    """Views and services know nothing of other people's words; app and server serve the façades."""
    facades = "fednet.controller.facades"

    users = {
        module.name
        for module in modules
        if not module.name.startswith(facades)
        for name, _ in imports_of(module, names)
        if name.startswith(facades)
    }

    assert users == {"fednet.controller.app", "fednet.controller.server"}


def uses(module: Module, *forbidden: str) -> list[str]:
    """Where a module names one of these, as `os.environ` or by `from os import environ`."""
    found = []
    for node in ast.walk(module.tree):
        named: list[str] = []
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            named = [f"{node.value.id}.{node.attr}"]
        elif isinstance(node, ast.ImportFrom):
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        found += [f"{module}:{node.lineno} {name}" for name in named if name in forbidden]
    return found


def test_only_one_module_reads_the_environment(modules: list[Module]) -> None:
    """Everything else is told what it needs, by its arguments."""
    others = [module for module in modules if module.name != "fednet.environment"]
    environment = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv")

    assert [use for module in others for use in uses(module, *environment)] == []


def test_one_module_computes_digests(modules: list[Module]) -> None:
    """A file, a stream or bytes in memory: `fednet.digests` has a function for it."""
    computing = {
        str(module)
        for module in modules
        if "hashlib" in {name.partition(".")[0] for name in every_import(module)}
    }

    assert computing == {"fednet.digests"}


def test_one_module_gives_finished_files_their_names(modules: list[Module]) -> None:
    """Whatever writes a file that must be whole does it by `fednet.files`; the others rename folders."""
    of_folders = {
        "fednet.combiner.engine.retained",
        "fednet.combiner.engine.spool",
        "fednet.packages._unpack",
    }

    alone = "fednet.client.runtime.build_environment"  # a script, which imports the standard library only

    replacing = {str(each) for each in modules if calls_of_one(each, "replace")}

    assert replacing - {alone} == {"fednet.files"}
    assert {str(each) for each in modules if calls_of_one(each, "rename")} == of_folders
    assert [
        use for each in modules for use in uses(each, "os.replace", "os.rename", "os.renames")
    ] == []


def calls_of_one(module: Module, method: str) -> list[int]:
    """Where a method is called with one argument: `Path.replace`, where `str.replace` takes two."""
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and len(node.args) == 1
        and not node.keywords
    ]


def test_one_module_knows_names_and_ids(modules: list[Module]) -> None:
    """The text of a stranger becomes part of a path or key only after `fednet.names` has checked it."""
    parsing = [
        f"{module}:{node.lineno}"
        for module in modules
        if module.name != "fednet.names"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Try)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) in {"UUID", "uuid.UUID"}
    ]
    patterns = [
        str(module)
        for module in modules
        if module.name != "fednet.names" and b"[A-Za-z0-9._-]" in module.path.read_bytes()
    ]

    assert parsing == []
    assert patterns == []


def test_nothing_sleeps(modules: list[Module], repository: Path) -> None:
    """What waits, waits for an event with a deadline."""
    everything = [*modules, *scripts_of(repository)]

    sleeps = ("time.sleep", "asyncio.sleep")
    assert [use for module in everything for use in uses(module, *sleeps)] == []


def scripts_of(repository: Path) -> list[Module]:
    """Return the Python files that no package installs."""
    return [
        Module(str(path.relative_to(repository)), path, parsed(path))
        for folder in ("benchmarks", "examples", "tools")
        for path in (repository / folder).rglob("*.py")
    ]


def test_only_commands_and_examples_print(modules: list[Module]) -> None:
    """The library speaks by return values, errors and logging; people are spoken to by a cli."""
    printing = [
        f"{module}:{node.lineno}"
        for module in modules
        if module.room != "examples" and "cli" not in module.name.split(".")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]

    assert printing == []


def test_every_module_says_what_it_is_for(modules: list[Module]) -> None:
    """A module begins with a docstring."""
    assert [str(module) for module in modules if not ast.get_docstring(module.tree)] == []


def test_no_summary_is_a_noun_clause(modules: list[Module], repository: Path) -> None:
    """A docstring answers at once: `Return …` for a function, a noun for anything else."""
    clauses = ("What", "How", "Whether", "Those", "Who", "Whose", "Where", "When", "That", "Why")
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    summaries = [
        (module, ast.get_docstring(node) or "")
        for module in [*modules, *scripts_of(repository)]
        for node in ast.walk(module.tree)
        if isinstance(node, kinds)
    ]

    assert summaries
    assert [
        f"{module}: {summary}"
        for module, summary in summaries
        if summary.partition(" ")[0] in clauses
    ] == []


def test_every_test_states_its_fact(repository: Path) -> None:
    """A test's docstring is one sentence or more: what holds, not how it is shown."""
    functions = [
        (path.name, node)
        for path in (repository / "tests").rglob("test_*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert [
        f"{file}:{node.lineno} {node.name}"
        for file, node in functions
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ] == []


def test_implementation_modules_of_the_library_are_private(modules: list[Module]) -> None:
    """In a public room everything but `__init__.py` begins with an underscore."""
    inside = [module for module in modules if module.room in PUBLIC_ROOMS]
    files = [module for module in inside if module.path.name != "__init__.py"]

    assert [str(module) for module in files if not module.path.name.startswith("_")] == []


def test_setup_cfg_declares_every_package(packages: dict[str, Path], repository: Path) -> None:
    """A package that `packages=` forgets works while editable and is missing in the wheel."""
    rooms = ("fednet", "client", "combiner", "controller", "examples")
    folders = {path.parent for room in rooms for path in (repository / room).rglob("__init__.py")}

    assert set(packages.values()) == folders


def test_every_declared_package_can_be_imported(packages: dict[str, Path]) -> None:
    """What setup.cfg declares is there once installed, editable or from the wheel."""
    assert [name for name in packages if not can_be_found(name)] == []


def can_be_found(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_installed_names_are_not_generic(tmp_path: Path) -> None:
    """Outside of the repository nobody finds a bare `controller` or `tests` of ours."""
    bare = ["benchmarks", "client", "combiner", "controller", "examples", "tests", "tools"]
    script = (
        "import sys; from importlib.util import find_spec; "
        "print([*filter(find_spec, sys.argv[1:])])"
    )

    answer = subprocess.run(
        [sys.executable, "-I", "-c", script, *bare],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["fednet", "fednet.client", "fednet.testing"])
def test_front_doors_say_what_they_export(name: str) -> None:
    """What users import stands in `__all__`."""
    assert importlib.import_module(name).__all__


def test_exported_names_exist(packages: dict[str, Path]) -> None:
    """Every name in an `__all__` is there."""
    imported = [importlib.import_module(name) for name in packages if can_be_found(name)]

    assert [
        f"{module.__name__}.{name}"
        for module in imported
        for name in getattr(module, "__all__", ())
        if not hasattr(module, name)
    ] == []


def test_public_rooms_export_by_name() -> None:
    """A room of the library has an `__all__`, so that its interface is a list one can read."""
    rooms = [importlib.import_module(f"fednet.{room}") for room in PUBLIC_ROOMS]

    assert [room.__name__ for room in rooms if not getattr(room, "__all__", None)] == []


def test_no_file_crosses_its_limit(repository: Path) -> None:
    """A file that grows too long is divided; generated code is nobody's to divide."""
    rooms = [
        *["fednet", "client", "combiner", "controller", "examples"],
        *["benchmarks", "tests", "tools"],
    ]
    files = [path for room in rooms for path in (repository / room).rglob("*.py")]
    lines = {path: path.read_bytes().count(b"\n") for path in files if "_pb2" not in path.stem}

    longer = {str(path.relative_to(repository)) for path in lines if lines[path] > LINES_MAX}

    assert longer == LONGER_FILES


def test_every_component_has_its_extra(repository: Path) -> None:
    """A machine installs what its part and its stores need; `demo` and `test` gather the parts."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    stores = {"mongodb", "postgresql", "s3"}

    assert set(project["optional-dependencies"]) == {
        *COMPONENTS,
        *stores,
        "demo",
        "dp",
        "fuzz",
        "gunicorn",
        "plots",
        "pytorch",
        "test",
        "tracing",
        "xaynet",
    }
