"""The pods of a rendered chart as processes of this machine.

Each pod has a loopback address of its own, a root folder that nobody can write to, and its volumes where the chart
mounts them: bubblewrap gives it these. Names of the cluster are in its /etc/hosts. So the commands, variables, files
and ports are those of the chart, but for two: a server listens on the pod's address in place of all, and a third
party's image stands for the program that the tests have of it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from rendered import NAMESPACE, Rendering, Workload
from servers import mongodb, s3
from servers.process import is_listening_at

import fednet

READY_SECONDS_MAX = 120.0
PROBE_SECONDS_MAX = 5.0
PAUSE_SECONDS = 0.1
HIDDEN = ("data", "dev", "proc", "run", "sys", "tmp")
PROGRAMS = {
    "mongodb": lambda args, address: [
        str(mongodb.program()),
        *(f"--bind_ip={address}" if each == "--bind_ip_all" else each for each in args),
        *("--auth", "--nounixsocket"),
    ],
    "rclone": lambda args, address: [
        str(s3.rclone()),
        *(each.replace("--addr=:", f"--addr={address}:") for each in args),
    ],
}
"""The command of an image that is not ours, from the arguments of its container and the address of the pod."""


@dataclass
class Pod:
    """One pod: a process for each container that runs first, and one for its main container.

    Attributes:
        name: Its name.
        address: Its address.
        workload: What it belongs to.
    """

    name: str
    address: str
    workload: Workload
    _cluster: Cluster
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the containers that run first, and start the main one."""
        for container in self.workload.pod.get("initContainers", []):
            done = self._run(container, self._command(container))
            assert done.returncode == 0, f"{self.name}: {done.stderr}"
        main = self.workload.pod["containers"][0]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._boxed(main, self._command(main)),
                env=self._environment(main),
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self._cluster.folder / f"{self.name}.log"

    def ready(self) -> None:
        """Return when the probe of the chart says that it is ready."""
        container = self.workload.pod["containers"][0]
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self._passes(container, container["readinessProbe"]):
            story = f"{self.name} is not ready:\n{self.log.read_text()[-3000:]}"
            assert self._process is not None
            assert self._process.poll() is None, story
            assert time.monotonic() < deadline, story
            threading.Event().wait(PAUSE_SECONDS)

    def execute(self, *command: str) -> str:
        """Run a command in the main container, as `kubectl exec` does, and return its output."""
        done = self._run(self.workload.pod["containers"][0], list(command))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        """End it as Kubernetes does, within its grace, and drop its scratch volumes; return the exit code."""
        process, self._process = self._process, None
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        code = process.wait(self.workload.pod["terminationGracePeriodSeconds"])
        self._cluster.drop_scratch(self)
        return code

    def kill(self) -> None:
        """End it without a chance to tidy up; the rest of its processes dies with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _command(self, container: Mapping[str, Any]) -> list[str]:
        variables = self._variables(container)
        words = [expanded(word, variables) for word in container.get("args", [])]
        if container["name"] in PROGRAMS:
            return PROGRAMS[container["name"]](words, self.address)
        return [*container["command"], *words]

    def _run(
        self, container: Mapping[str, Any], command: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._boxed(container, command),
            env=self._environment(container),
            capture_output=True,
            check=False,
            text=True,
            timeout=READY_SECONDS_MAX,
        )

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Return the container's variables beside those of its image."""
        path = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
        listening = {
            name: self.address if value == "0.0.0.0" else value
            for name, value in self._variables(container).items()
        }
        return {"PATH": path, "HOME": "/data", **listening}

    def _variables(self, container: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in container["env"]:
            source = each.get("valueFrom", {})
            if "fieldRef" in source:
                assert source["fieldRef"]["fieldPath"] == "metadata.name"
                found[each["name"]] = self.name
            elif "secretKeyRef" in source:
                place = source["secretKeyRef"]
                found[each["name"]] = self._cluster.rendering.secret(place["name"])[place["key"]]
            else:
                found[each["name"]] = expanded(each["value"], found)
        return found

    def _boxed(self, container: Mapping[str, Any], command: Sequence[str]) -> list[str]:
        """Return the command with this machine read-only around it, and the container's volumes in their places."""
        box = ["bwrap", "--die-with-parent", "--unshare-pid", "--as-pid-1"]
        for folder in sorted(Path("/").iterdir()):
            if folder.name not in HIDDEN:
                box += ["--ro-bind", str(folder), str(folder)]
        box += ["--dev", "/dev", "--proc", "/proc"]
        box += ["--ro-bind", str(self._cluster.hosts_file), "/etc/hosts"]
        for mount in sorted(container["volumeMounts"], key=lambda each: each["mountPath"]):
            way = "--ro-bind" if mount.get("readOnly") else "--bind"
            box += [way, str(self._cluster.volume(self, mount["name"])), mount["mountPath"]]
        for folder in installation():
            box += ["--ro-bind", folder, folder]
        return [*box, "--remount-ro", "/", "--", *command]

    def _passes(self, container: Mapping[str, Any], probe: Mapping[str, Any]) -> bool:
        ports = {each["name"]: each["containerPort"] for each in container.get("ports", [])}
        if "exec" in probe:
            return self._run(container, probe["exec"]["command"]).returncode == 0
        if "tcpSocket" in probe:
            return is_listening_at(self.address, ports[probe["tcpSocket"]["port"]])
        page = probe["httpGet"]
        scheme = page.get("scheme", "HTTP").lower()
        return answers(f"{scheme}://{self.address}:{ports[page['port']]}{page['path']}")


def installation() -> list[str]:
    """Return the folders of Python and of our packages that a box would hide otherwise."""
    sources = str(Path(fednet.__file__).resolve().parents[1])
    folders = dict.fromkeys((sys.prefix, sys.base_prefix, sources))
    return [each for each in folders if Path(each).parts[1] in HIDDEN]


def answers(url: str) -> bool:
    """Return True if a page answers with 200; like Kubernetes, ask for no certificate that is to be trusted."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urlopen(url, timeout=PROBE_SECONDS_MAX, context=context) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with $(NAME) replaced by the variable, as Kubernetes does it."""
    return re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], text)


@dataclass
class Cluster:
    """The pods of one rendering, their volumes and their names.

    Args:
        rendering: What Helm has made.
        folder: Where the volumes, the logs and the file of the names lie.
        site: The folder of the volume with the clients' data.
    """

    rendering: Rendering
    folder: Path
    site: Path
    pods: list[Pod] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give each pod its address and its name."""
        network = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        numbers = itertools.count(1)
        for workload in self.rendering.workloads:
            for name in workload.pod_names:
                self.pods.append(Pod(name, f"{network}.{next(numbers)}", workload, self))
        self.hosts_file.write_text("127.0.0.1 localhost\n" + "".join(self._hosts()))

    @property
    def hosts_file(self) -> Path:
        return self.folder / "hosts"

    def _hosts(self) -> Iterator[str]:
        """Name the pods below headless services, and services after their pods.

        A headless service with several pods has only the address of the first one: gRPC's resolver takes all names with
        a common address for names of one host, and would mix the pods up.
        """
        for service in self.rendering.of_kind("Service"):
            host = f"{service['metadata']['name']}.{NAMESPACE}.svc.cluster.local"
            selector = service["spec"]["selector"]
            pods = [pod for pod in self.pods if selector.items() <= pod.workload.labels.items()]
            if service["spec"].get("clusterIP") == "None":
                yield from (f"{pod.address} {pod.name}.{host}\n" for pod in pods)
                pods = pods[:1]
            yield from (f"{pod.address} {host}\n" for pod in pods)

    def of(self, *components: str) -> list[Pod]:
        """Return the pods of these components."""
        return [pod for pod in self.pods if pod.workload.component in components]

    def start(self, *components: str) -> None:
        """Start the pods of these components, and return when all of them are ready."""
        for pod in self.of(*components):
            pod.start()
        for pod in self.of(*components):
            pod.ready()

    def volume(self, pod: Pod, name: str) -> Path:
        """Return the folder of a pod's volume."""
        folder = self.folder / pod.name / name
        volume = next((each for each in pod.workload.pod["volumes"] if each["name"] == name), {})
        if "hostPath" in volume:
            return self.site
        folder.mkdir(parents=True, exist_ok=True)
        if "secret" in volume and not any(folder.iterdir()):
            content = self.rendering.secret(volume["secret"]["secretName"])
            for item in volume["secret"]["items"]:
                (folder / item["path"]).write_text(content[item["key"]])
        return folder

    def drop_scratch(self, pod: Pod) -> None:
        """Rename the volumes that a pod does not keep, so that the next one begins with empty ones."""
        for volume in pod.workload.pod["volumes"]:
            folder = self.folder / pod.name / volume["name"]
            if "emptyDir" in volume and folder.exists():
                folder.rename(self.folder / f"{pod.name}-{volume['name']}-{time.monotonic_ns()}")

    def start_state(self) -> None:
        """Start MongoDB as its image does: the user is made before anybody else connects."""
        import pymongo

        (pod,) = self.of("state")
        pod.start()
        pod.ready()
        password = self.rendering.secret(f"{pod.workload.name.removesuffix('-state')}-state-store")
        with pymongo.MongoClient(pod.address, 27017, directConnection=True) as client:
            client.admin.command("createUser", "fednet", pwd=password["password"], roles=["root"])

    def lose_stores(self) -> None:
        """Start both stores anew, with empty volumes."""
        for pod in self.of("state", "objects"):
            pod.kill()
            (self.folder / pod.name / "data").rename(self.folder / f"{pod.name}-lost")
        self.start_state()
        self.start("objects")

    @contextlib.contextmanager
    def maintained(self, rendering: Rendering) -> Iterator[Pod]:
        """Run the first controller's pod as another rendering has it; its Secrets stay."""
        first, (workload,) = self.of("controller")[0], rendering.of_component("controller")
        pod = Pod(*workload.pod_names, first.address, workload, self)
        pod.start()
        yield pod
        pod.kill()
        self.drop_scratch(pod)

    def close(self) -> None:
        """End all pods."""
        for pod in reversed(self.pods):
            pod.kill()


@contextlib.contextmanager
def cluster(rendering: Rendering, folder: Path, site: Path) -> Iterator[Cluster]:
    """Give the pods of a rendering, of which none has been started."""
    folder.mkdir()
    pods = Cluster(rendering, folder, site)
    try:
        yield pods
    finally:
        pods.close()
