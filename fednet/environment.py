"""The environment of this process: what it tells fednet, and what others may see of it.

This is the only module that reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fednet.secret_files import with_secret_read
from fednet.tls import CallerTLS

# Variables without secrets, which libraries for numbers read.
_TASK_VARIABLES: Final = (
    "PATH", "LANG", "LANGUAGE", "TZ", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "CUDA_HOME",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "BLIS_NUM_THREADS",
    "GRPC_ENABLE_FORK_SUPPORT",
)  # fmt: skip
_TASK_PREFIXES: Final = ("LC_",)
_INSTALL_VARIABLES: Final = (
    "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
_INSTALL_PREFIXES: Final = ("PIP_", "UV_")
_CACHES: Final = (
    "PIP_CACHE_DIR",
    "UV_CACHE_DIR",
)  # one package could leave another one's wheels there

# The variables that all components and commands share, by the setting that each one is.
_SHARED: Final = {
    "api_url": "FEDNET_URL",
    "token": "FEDNET_TOKEN",
    "token_file": "FEDNET_TOKEN_FILE",
    "ca": "FEDNET_CA",
    "certificate": "FEDNET_CERTIFICATE",
    "certificate_key": "FEDNET_CERTIFICATE_KEY",
}


# Settings


def shared_variables() -> dict[str, str]:
    """Return the values of the variables that all components share, by setting; empty ones are left out."""
    return {field: value for field, name in _SHARED.items() if (value := os.environ.get(name))}


def own_variables(prefix: str) -> dict[str, str]:
    """Return the values of the variables that begin so, by the rest of the name in lower case; empty ones are left out.

    Args:
        prefix: Such as FEDNET_CONTROLLER_.
    """
    own = {name: value for name, value in os.environ.items() if value and name.startswith(prefix)}
    return {name.removeprefix(prefix).lower(): value for name, value in own.items()}


def opentelemetry_endpoint() -> str | None:
    """Return the receiver of traces that OpenTelemetry's own variable names, perhaps for other programs."""
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None


def default_data_dir() -> Path:
    """Return the default folder of a controller's data on this machine."""
    if chosen := os.environ.get("FEDNET_DATA_DIR"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "fednet"


def api_url_from_environment() -> str | None:
    """Return the controllers' addresses from FEDNET_URL, if it is set."""
    return shared_variables().get("api_url")


def token_from_environment() -> str | None:
    """Return the token from FEDNET_TOKEN, or from the file in FEDNET_TOKEN_FILE, if one is set.

    Raises:
        InvalidInput: Both are set, or the file cannot be read.
    """
    return with_secret_read(shared_variables(), "token").get("token")


def tls_from_environment() -> CallerTLS:
    """Return the files of a caller from FEDNET_CA, FEDNET_CERTIFICATE and FEDNET_CERTIFICATE_KEY."""
    given = shared_variables()
    names = ("ca", "certificate", "certificate_key")
    return CallerTLS(*(Path(given[name]) if name in given else None for name in names))


def participant_level_from_environment() -> str | None:
    """Return the level of participants' log from XAYNET_CLIENT, if it is set; it has Xaynet's name."""
    return os.environ.get("XAYNET_CLIENT") or None


def networks_file() -> Path:
    """Return the path of this user's named networks; see `fednet network add`."""
    return _config_home() / "fednet" / "networks.json"


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()


# The environment of others


def environment_without_settings() -> dict[str, str]:
    """Return this process's environment without settings and secrets of fednet."""
    kept = {"FEDNET_DATA_FOLDER"}  # no setting: it tells code where the data is
    return {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith("FEDNET_")
    }


def environment_of_a_task(passed: Iterable[str] = (), *, installs: bool = False) -> dict[str, str]:
    """Return the environment of code from afar: the few variables of this process that it needs.

    Args:
        passed: The names of further ones.
        installs: True for the installation of requirements, which also gets proxies and the settings of pip and uv.
    """
    found = {
        name: value
        for name, value in os.environ.items()
        if name in {*_TASK_VARIABLES, *passed}
        or name.startswith(_TASK_PREFIXES)
        or (installs and _installs(name) and name not in _CACHES)
    }
    return found | ({"XDG_CONFIG_HOME": str(_config_home())} if installs else {})


def installer_configuration() -> tuple[Path, ...]:
    """Return the files and folders that pip and uv read beside their packages: settings, certificates, links."""
    named = [
        value for name, value in environment_of_a_task(installs=True).items() if _installs(name)
    ]
    paths = [Path(each) for value in named for each in value.split() if each.startswith("/")]
    return (_config_home() / "pip", _config_home() / "uv", *filter(Path.exists, paths))


def _installs(name: str) -> bool:
    return name in _INSTALL_VARIABLES or name.startswith(_INSTALL_PREFIXES)


def switch_off_grpc_fork_handlers() -> None:
    """Tell gRPC to install no fork handlers; call it before gRPC is loaded. See `fednet.rpc.allow_forks`."""
    if os.environ.get("GRPC_ENABLE_FORK_SUPPORT") != "0":  # other threads may read the environment
        os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


# Proxies


def proxy_variable(*names: str) -> tuple[str, str] | None:
    """Return the first of these variables that is set, in lower or upper case, with its value; None if none is."""
    spellings = [spelling for name in names for spelling in (name, name.upper())]
    return next(((each, os.environ[each]) for each in spellings if os.environ.get(each)), None)


def no_proxy(*names: str) -> str:
    """Return the hosts that are reached without a proxy, from the first of these variables or no_proxy; "" for none."""
    found = proxy_variable(*names, "no_proxy")
    return found[1] if found else ""
