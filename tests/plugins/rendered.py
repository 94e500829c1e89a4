"""The chart, rendered by Helm itself, as values that tests can ask about."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import helm_python
import yaml

RELEASE, NAMESPACE = "trial", "lab"
SCALED_PODS = 6  # as many as an autoscaler may start, by default
WORKLOADS = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet."""

    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def component(self) -> str:
        """The part of the network: controller, combiner, client, state or objects."""
        return str(self.labels["app.kubernetes.io/component"])

    @property
    def labels(self) -> Mapping[str, str]:
        return self.manifest["spec"]["template"]["metadata"]["labels"]

    @property
    def pod(self) -> Mapping[str, Any]:
        """The specification of its pods."""
        return self.manifest["spec"]["template"]["spec"]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Those that run first, and those that stay."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def pod_names(self) -> list[str]:
        """The names of its pods, as Kubernetes gives them to a StatefulSet."""
        if self.manifest["kind"] == "Deployment":
            return [f"{self.name}-0"]
        replicas = self.manifest["spec"].get("replicas", SCALED_PODS)
        return [f"{self.name}-{number}" for number in range(replicas)]


@dataclass(frozen=True)
class Rendering:
    """All that Helm makes of a set of values.

    Attributes:
        files: The text of each template, by its name.
    """

    files: Mapping[str, str]

    @cached_property
    def manifests(self) -> list[dict[str, Any]]:
        texts = [text for name, text in self.files.items() if name.endswith(".yaml")]
        return [each for text in texts for each in yaml.safe_load_all(text) if each]

    @property
    def notes(self) -> str:
        """The text that Helm shows after an installation."""
        return next(text for name, text in self.files.items() if name.endswith("NOTES.txt"))

    @property
    def workloads(self) -> list[Workload]:
        return [Workload(each) for each in self.manifests if each["kind"] in WORKLOADS]

    def of_component(self, component: str) -> list[Workload]:
        return [each for each in self.workloads if each.component == component]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.manifests if each["kind"] == kind]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(each for each in self.of_kind(kind) if each["metadata"]["name"] == name)

    def secret(self, name: str) -> dict[str, str]:
        """Return what a Secret of the chart holds."""
        data = self.named("Secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


class Chart:
    """The chart of this repository.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded = helm_python.Chart.load(folder)

    @property
    def values(self) -> dict[str, Any]:
        """The default values."""
        return self._loaded.values

    @property
    def schema(self) -> dict[str, Any]:
        schema = self._loaded.schema
        assert schema is not None
        return schema

    def render(self, values: Mapping[str, Any], release: str = RELEASE) -> Rendering:
        return Rendering(self._loaded.render(dict(values), name=release, namespace=NAMESPACE))

    def validate(self, values: Mapping[str, Any]) -> None:
        """Check values against the chart's schema, as an installation does."""
        self._loaded.validate_schema(dict(values))

    def close(self) -> None:
        self._loaded.close()


VALUES = Path(__file__).resolve().parent.parent / "charts" / "values"
SETS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(VALUES.glob("*.yaml"))}
