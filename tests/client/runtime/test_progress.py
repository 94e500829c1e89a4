"""The steps of an installation, for people."""

from fednet import limits
from fednet.client.runtime.progress import Progress


def reported(*pieces):
    texts = []
    progress = Progress("mine", texts.append)
    for piece in pieces:
        progress(piece)
    return texts


def test_steps_are_reported_line_by_line_however_they_come():
    """Each step is reported once, and no other line is."""
    texts = reported(
        b"Collecting nu", b"mpy\r\n  noise\nInstalling collected", b" packages: numpy\n"
    )

    assert texts == [
        "python_env mine: Collecting numpy",
        "python_env mine: Installing collected packages: numpy",
    ]


def test_a_flood_stays_small():
    """The number of reported lines and the length of each are bounded."""
    texts = reported(*[b"Collecting " + b"x" * 5_000 + b"\n" for _ in range(200)])

    assert len(texts) == limits.build_progress_lines_max
    assert max(map(len, texts)) < 2 * limits.error_bytes_max


def test_a_line_without_end_is_not_kept():
    """Progress bars, which never end their line, take no memory."""
    texts = reported(*[b"Collecting " + b"x" * 100_000 for _ in range(10)], b"\n")

    assert len(texts) == 1
    assert len(texts[0]) < 2 * limits.error_bytes_max
