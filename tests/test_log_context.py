"""The context of a line of the log."""

import asyncio
import threading

from fednet.log_context import in_context, log_fields, logged_as


def test_inner_values_join_outer_ones_until_the_block_ends():
    """An empty value keeps that outside."""
    with logged_as(session="s", round_number=1):
        with logged_as(task="t", round_number=2, session=""):
            assert log_fields() == {"session": "s", "round": 2, "task": "t"}
        assert log_fields() == {"session": "s", "round": 1}
    assert log_fields() == {}


def test_a_thread_takes_the_context_along_if_it_is_told_to():
    """Another thread has none by itself."""
    found = []
    with logged_as(client="c"):
        look = in_context(lambda: found.append(dict(log_fields())))
        threads = [
            threading.Thread(target=lambda: found.append(dict(log_fields()))),
            threading.Thread(target=look),
        ]
    for thread in threads:
        thread.start()
        thread.join()

    assert found == [{}, {"client": "c"}]


def test_a_task_of_asyncio_has_the_context_of_its_maker():
    """Two tasks beside each other do not mix theirs."""

    async def look():
        await asyncio.sleep(0)
        return dict(log_fields())

    async def run():
        with logged_as(task="a"):
            first = asyncio.create_task(look())
        with logged_as(task="b"):
            second = asyncio.create_task(look())
        return await first, await second

    assert asyncio.run(run()) == ({"task": "a"}, {"task": "b"})
