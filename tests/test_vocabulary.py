"""The product has words of its own; FEDn's stay in its façade."""

import re
from pathlib import Path

import pytest

FACADE = "controller/facades/fedn/"
ROOMS = ("benchmarks", "client", "combiner", "controller", "examples", "fednet", "tools")

# Names of fields, filters, routes and values that only FEDn has.
FEDNS_WORDS = re.compile(
    r"\b(WORKER|clients_requested|clients_required|combiner_preferred|correlationId|correlation_id|"
    r"delete_models_storage|helper_type|last_seen|logLevel|modelId|nr_expected_updates|package_trail|"
    r"parent_model|parent_reducer|receiver_name|receiver_role|round_config|round_data|seed_model_id|"
    r"sender_name|sender_role|session_config|sessionId|storage_file_name|time_exec_training|"
    r"with_fedn_id)\b|\b(sender|receiver)\.(client_id|name|role)\b"
)
KNOW_ITS_WORDS = {
    "controller/old_documents.py": "documents of version 0.1.0 have them",
    "fednet/contract/_session_options.py": "each option is declared once, with FEDn's name of it",
    "fednet/fedn_filters.py": "APIClient takes FEDn's keywords",
}

FEDN = re.compile(r"(?<![a-z])fedn(?!et|ova)", re.IGNORECASE)
NAME_IT = {
    "benchmarks/peers.py": "measures it",
    "benchmarks/systems/fedn.py": "starts it, to be measured",
    "benchmarks/systems/scripts/fedn_client.py": "is one of its clients",
    "benchmarks/systems/scripts/fedn_driver.py": "starts its sessions",
    "controller/app.py": "serves the façade",
    "controller/old_documents.py": "documents of version 0.1.0 have its words",
    "fednet/api_lists.py": "takes its keywords, by fedn_filters",
    "fednet/contract/_options.py": "each option is declared once, with FEDn's name of it",
    "fednet/contract/_session_options.py": "each option is declared once, with FEDn's name of it",
    "fednet/fedn_filters.py": "APIClient takes its keywords",
    "fednet/helpers/__init__.py": "packages that were written for it import this instead",
    "fednet/packages/_ignore.py": "packages that were written for it have a .fednignore",
    "fednet/packages/_manifest.py": "packages that were written for it have a fedn.yaml",
    "fednet/packages/_python_env.py": "packages that were written for it have this file",
    "tools/api_lists.py": "generates fednet/api_lists.py",
}


@pytest.fixture(scope="module")
def texts(repository: Path) -> dict[str, str]:
    """The text of each file of the product but FEDn's façade, by its path."""
    files = [path for room in ROOMS for path in (repository / room).rglob("*.py")]
    names = {str(path.relative_to(repository)): path for path in files}
    return {
        name: path.read_text()
        for name, path in names.items()
        if not name.startswith(FACADE) and "_pb2" not in name
    }


def files_with(pattern: re.Pattern[str], texts: dict[str, str]) -> set[str]:
    return {name for name, text in texts.items() if pattern.search(text)}


def test_no_other_room_has_fedns_words(texts: dict[str, str]) -> None:
    """Documents, views, our client and the command have words of their own."""
    others = {name: texts[name] for name in texts if name not in KNOW_ITS_WORDS}

    assert [
        f"{name}: {found[0]}"
        for name, text in others.items()
        if (found := FEDNS_WORDS.search(text))
    ] == []
    assert files_with(FEDNS_WORDS, texts) == set(KNOW_ITS_WORDS)


def test_few_files_name_fedn(texts: dict[str, str]) -> None:
    """Each with its reason; the list becomes no longer."""
    assert files_with(FEDN, texts) == set(NAME_IT)


def test_the_facade_has_its_words(repository: Path) -> None:
    """So the pattern finds what it looks for."""
    inside = "\n".join(path.read_text() for path in (repository / FACADE).rglob("*.py"))

    for word in ("correlation_id", "session_config", "WORKER", "sender.role"):
        assert FEDNS_WORDS.fullmatch(word)
        assert word in inside
