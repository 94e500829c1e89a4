"""A controller that coordinates rounds of Xaynet, with phases that end as soon as they can."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fednet.controller.server import Controller
from fednet.settings import ControllerSettings

CONFIG = """
[pet.sum]
prob = 0.3
count = {{ min = 1, max = 100 }}
time = {{ min = 0, max = 5 }}
[pet.update]
prob = 1.0
count = {{ min = 3, max = 100 }}
time = {{ min = 0, max = {update_seconds_max} }}
[pet.sum2]
count = {{ min = 1, max = 100 }}
time = {{ min = 0, max = 5 }}
[mask]
group_type = "Prime"
data_type = "F32"
bound_type = "B0"
model_type = "M3"
[model]
length = {length}
"""


@contextmanager
def controllers(
    folder: Path, length: int, update_seconds_max: int = 5
) -> Iterator[Callable[[], Controller]]:
    """Give a function that starts a controller, always on the same stores and the same port for participants."""
    config = folder / "config.toml"
    config.write_text(CONFIG.format(length=length, update_seconds_max=update_seconds_max))
    port = [0]

    with ExitStack() as stack:

        def start() -> Controller:
            settings = ControllerSettings(
                data_dir=folder / "data", port=0, xaynet_port=port[0], xaynet_config=config
            )
            controller = Controller.start(settings)
            stack.callback(stop, controller)
            port[0] = int(str(controller.xaynet_url).rpartition(":")[2])
            return controller

        yield start


def stop(controller: Controller) -> None:
    """Stop a controller, unless it is stopped."""
    if not controller.is_stopped:
        controller.stop()
