"""Feed each parser with very many inputs, which atheris steers by the lines that they reach.

    python tests/fuzz/campaign.py [--inputs 100000] [--processes 2] [--target NAME …]

Each target runs in a process of its own, whose memory and whose time per input are limited. An input that makes a
parser fail in another way than by its own errors stays in `build/fuzz/TARGET/`, with the log; the command then ends
with 1.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins"))

with atheris.instrument_imports(include=["fednet", "jwt", "tarfile", "yaml", "zipfile"]):
    from fuzz.target import Target
    from fuzz.targets import TARGETS

FOLDER = Path("build", "fuzz")
INPUT_BYTES_MAX = 8192
INPUT_SECONDS_MAX = 60  # of one input, on a busy machine
MEMORY_BYTES_MAX = 1 << 30  # beside what the process has when it begins
IN_MEMORY = Path("/dev/shm")


def main() -> int:
    """Run the targets; return the exit code."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        failed = _run_all(options, Path(folder))
    if failed:
        print(f"Findings: {', '.join(failed)}. The inputs and the logs are in {FOLDER}/.")
    return bool(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", dest="targets", action="append", choices=list(TARGETS))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    options.targets = options.targets or list(TARGETS)
    return options


def _run_all(options: argparse.Namespace, temporary: Path) -> list[str]:
    """Run the targets, some at a time; return the names of those that have findings."""
    waiting, running, failed = list(options.targets), {}, []
    while waiting or running:
        while waiting and len(running) < options.processes:
            process = _started(waiting.pop(0), options.inputs, temporary)
            running[process.sentinel] = process
        for sentinel in wait(list(running)):
            process = running.pop(sentinel)
            process.join()
            print(f"{process.name:20} {'FAILED' if process.exitcode else 'passed'}", flush=True)
            failed += [process.name] if process.exitcode else []
    return failed


def _started(name: str, inputs: int, temporary: Path) -> ForkProcess:
    """Start the process of a target: a fork, because the imports with atheris take long."""
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_run, args=(TARGETS[name], inputs, temporary / name), name=name)
    process.start()
    return process


def _run(target: Target, inputs: int, temporary: Path) -> None:
    """Run one target; atheris ends the process."""
    findings = FOLDER / target.name
    findings.mkdir(parents=True, exist_ok=True)
    _log_to(findings / "log")
    fed, corpus = temporary / "fed", temporary / "corpus"
    fed.mkdir(parents=True)
    corpus.mkdir()
    for number, seed in enumerate(target.seeds(fed)):
        (corpus / str(number)).write_bytes(seed)
    _empty(fed)
    _limit_memory()
    options = {
        "atheris_runs": inputs,
        "max_len": INPUT_BYTES_MAX,
        "len_control": 0,
        "timeout": INPUT_SECONDS_MAX,
        "rss_limit_mb": 0,  # the limit is that of the address space
        "artifact_prefix": f"{findings}/",
    }
    flags = [f"-{key}={value}" for key, value in options.items()]

    def feed(content: bytes) -> None:
        try:
            target.run(content, fed)
        except Exception:
            (findings / "input").write_bytes(content)
            raise

    atheris.Setup([sys.argv[0], *flags, str(corpus)], feed)
    atheris.Fuzz()


def _log_to(path: Path) -> None:
    with path.open("wb") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bytes_max = pages * resource.getpagesize() + MEMORY_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (bytes_max, bytes_max))


if __name__ == "__main__":
    sys.exit(main())
