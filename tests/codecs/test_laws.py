"""Every codec owes: the same shapes and dtypes back, each number within the error that it states."""

import io
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fednet import limits
from fednet.codecs import (
    CODEC_BLOCK_ITEMS,
    Base,
    encoded_bytes_max,
    is_encoded,
    open_encoded,
    write_encoded_to,
)
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure, model_format
from fednet.update_codec import codec_names, codec_of

Arrays = list[np.ndarray[Any, Any]]
CODECS = pytest.mark.parametrize("name", codec_names())
FLOATS = ("float16", "float32", "float64")
OTHERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def base_of(before: Arrays, structure: Structure | None = None) -> Base:
    """The base with these arrays."""
    return Base(structure or Structure.of(before), before, "digest")


def encoded(name: str, arrays: Arrays, before: Arrays, structure: Structure | None = None) -> bytes:
    """The bytes of an encoded update."""
    file = io.BytesIO()
    base = base_of(before, structure)
    write_encoded_to(file, codec_of(name), arrays, structure or Structure.of(arrays), base)
    return file.getvalue()


def decoded(path: Path, before: Arrays) -> Arrays:
    """The arrays of an encoded file, read block by block."""
    with open_encoded(path, base_of(before)) as update:
        flat = [list(update.blocks(place)) for place in range(len(update.structure.arrays))]
        assert all(block.size <= CODEC_BLOCK_ITEMS for blocks in flat for block in blocks)
        return [
            np.concatenate([np.zeros(0, spec.dtype), *blocks]).reshape(spec.shape)
            for blocks, spec in zip(flat, update.structure.arrays, strict=True)
        ]


def round_trip(folder: Path, name: str, arrays: Arrays, before: Arrays) -> Arrays:
    """The arrays as they come out."""
    path = folder / "update"
    path.write_bytes(encoded(name, arrays, before))
    return decoded(path, before)


def error_max(name: str, array: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> Any:
    """The error that the package states for each number of an array, flat, in float64."""
    codec, kind = codec_of(name), np.finfo(array.dtype)
    numbers = array.astype(np.float64).reshape(-1)
    working = np.float64 if array.dtype == np.float64 else np.float32
    smallest = float(np.finfo(working if codec.numbers == "int8" else np.float32).smallest_normal)
    is_exact = codec.numbers == "plain" or (codec.numbers == "bf16" and array.dtype == np.float16)
    if is_exact:
        return np.zeros(numbers.size)
    coded = (
        np.abs(numbers - before.astype(np.float64).reshape(-1)) if codec.delta else np.abs(numbers)
    )
    if codec.numbers == "bf16":
        error = coded / 256
    else:
        rows = np.zeros(-(-coded.size // 1024) * 1024)
        rows[: coded.size] = coded
        error = np.repeat(rows.reshape(-1, 1024).max(1), 1024)[: coded.size] / 253
    return error + float(kind.eps) * (np.abs(numbers) + error) + smallest


def check_errors(name: str, found: Arrays, arrays: Arrays, before: Arrays) -> None:
    for got, array, base in zip(found, arrays, before, strict=True):
        assert (got.shape, got.dtype) == (array.shape, array.dtype.newbyteorder("="))
        if array.dtype.kind == "f":
            errors = np.abs(got.astype(np.float64) - array.astype(np.float64)).reshape(-1)
            assert (errors <= error_max(name, array, base)).all()
        else:
            np.testing.assert_array_equal(got, array)


def arrays_of(dtype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Arrays of finite numbers that every coding can hold."""
    if dtype in FLOATS:
        largest = (
            float(np.finfo(min(dtype, "float32", key=lambda each: np.dtype(each).itemsize)).max) / 4
        )
        width = 8 * np.dtype(dtype).itemsize
        elements = st.floats(-largest, largest, width=width)  # type: ignore[arg-type]  # 16, 32 or 64
        return hnp.arrays(dtype, shape, elements=elements)
    return hnp.arrays(dtype, shape)


@st.composite
def updates(draw: st.DrawFn) -> tuple[Arrays, Arrays]:
    """An update and its base: odd shapes, every dtype, either memory and byte order."""
    arrays, before = [], []
    for _ in range(draw(st.integers(1, 4))):
        shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))
        dtype = draw(st.sampled_from((*FLOATS, *OTHERS)))
        array, base = (draw(arrays_of(dtype, shape)) for _ in range(2))
        order = draw(st.sampled_from("CF"))
        endian = draw(st.sampled_from("<>"))
        arrays.append(np.asarray(array, array.dtype.newbyteorder(endian), order=order))  # type: ignore[call-overload]
        before.append(np.asarray(base, order=draw(st.sampled_from("CF"))))  # type: ignore[call-overload]
    return arrays, before


@CODECS
@given(case=updates())
def test_each_number_comes_back_within_the_stated_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, case: tuple[Arrays, Arrays]
) -> None:
    """Shapes and dtypes come back as they were; integers and booleans exactly."""
    arrays, before = case

    found = round_trip(tmp_path_factory.mktemp("codec"), name, arrays, before)

    check_errors(name, found, arrays, before)


@CODECS
@pytest.mark.parametrize("items", [1, 1023, 1025, CODEC_BLOCK_ITEMS, 2 * CODEC_BLOCK_ITEMS + 1025])
@pytest.mark.parametrize("dtype", FLOATS)
def test_the_error_holds_across_the_ends_of_blocks(
    tmp_path: Path, name: str, items: int, dtype: str
) -> None:
    """Numbers of very different magnitudes, whose scales must not be mixed up."""
    random = np.random.default_rng(items)
    magnitudes = 10.0 ** random.integers(-4, 3, items)
    before = [random.normal(0, magnitudes).astype(dtype)]
    arrays = [(before[0] + random.normal(0, magnitudes / 100)).astype(dtype)]

    check_errors(name, round_trip(tmp_path, name, arrays, before), arrays, before)


@CODECS
def test_an_update_may_be_in_other_dtypes_than_the_base(tmp_path: Path, name: str) -> None:
    """Training code often turns float32 into float64; exact codings then do without the base."""
    random = np.random.default_rng(1)
    before = [random.normal(0, 1, (7, 9)).astype(np.float32), np.arange(6, dtype=np.int32)]
    arrays = [before[0] + random.normal(0, 1e-3, (7, 9)), np.arange(6, dtype=np.int64) ** 2]

    check_errors(name, round_trip(tmp_path, name, arrays, before), arrays, before)


@CODECS
def test_counters_stay_exact_if_training_makes_floats_of_them(tmp_path: Path, name: str) -> None:
    """Only arrays that hold floats in the global model are rounded."""
    before = [np.arange(100), np.ones(100, np.bool_)]
    arrays = [np.arange(100) + 0.123, np.linspace(0, 1, 100)]

    found = round_trip(tmp_path, name, arrays, before)

    for got, array in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(got, array)


@CODECS
def test_long_names_fit_into_the_largest_size(name: str) -> None:
    """JSON makes twelve letters of an emoji."""
    array = np.ones((1,) * limits.array_dimensions_max)
    long = "\U0001f600" * (limits.array_name_characters_max - 2)
    specs = tuple(ArraySpec(f"{long}{n:02}", array.shape, "float64") for n in range(20))
    structure, arrays = Structure(specs), [array] * 20

    assert len(encoded(name, arrays, arrays, structure)) <= encoded_bytes_max(structure)


@CODECS
def test_an_unchanged_model_comes_back_within_the_error_of_zero(tmp_path: Path, name: str) -> None:
    """With delta, the model of a client that trains nothing is exactly the global model."""
    before = [np.random.default_rng(2).normal(0, 1, (50, 40)).astype(np.float32)]

    found = round_trip(tmp_path, name, before, before)

    check_errors(name, found, before, before)
    if "delta" in name:
        np.testing.assert_array_equal(found[0], before[0])


@pytest.mark.parametrize("name", ["plain", "bf16", "int8", "delta", "delta+bf16", "delta+int8"])
def test_compression_changes_no_number(tmp_path: Path, name: str) -> None:
    """What comes out is the same with and without zstd."""
    random = np.random.default_rng(9)
    before = [random.normal(0, 1, (300, 200)).astype(np.float32), random.normal(0, 1, 7)]
    arrays = [(each + random.normal(0, 0.01, each.shape)).astype(each.dtype) for each in before]
    compressed = "zstd" if name == "plain" else f"{name}+zstd"

    found = round_trip(tmp_path, compressed, arrays, before)

    for one, two in zip(found, round_trip(tmp_path, name, arrays, before), strict=True):
        np.testing.assert_array_equal(one, two)


@CODECS
def test_all_arrays_can_be_decoded_at_once(tmp_path: Path, name: str) -> None:
    """Aggregators that keep updates get the same numbers as views, and the folder keeps no file of theirs."""
    random = np.random.default_rng(3)
    before = [random.normal(0, 1, shape) for shape in ((300, 200), (), (0, 2), (5,))]
    arrays = [array + random.normal(0, 0.1, array.shape) for array in before]
    by_block = round_trip(tmp_path, name, arrays, before)

    with open_encoded(tmp_path / "update", base_of(before)) as update:
        whole = update.decoded(tmp_path)

    for found, expected in zip(whole.arrays, by_block, strict=True):
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["update"]


@CODECS
def test_the_same_update_gives_the_same_bytes(name: str) -> None:
    """An update that is encoded again after a crash has the digest that it had before."""
    random = np.random.default_rng(4)
    before = [random.normal(0, 1, (90, 80)).astype(np.float32)]
    arrays = [before[0] + random.normal(0, 0.1, (90, 80)).astype(np.float32)]

    assert encoded(name, arrays, before) == encoded(name, [np.asfortranarray(arrays[0])], before)


@CODECS
def test_names_come_back(tmp_path: Path, name: str) -> None:
    """Formats with names, such as safetensors, lose none."""
    array = np.ones((2, 3), np.float32)
    structure = Structure((ArraySpec("encoder.weight", (2, 3), "float32"),))
    path = tmp_path / "update"
    path.write_bytes(encoded(name, [array], [array], structure))

    with open_encoded(path, base_of([array], structure)) as update:
        assert update.structure == structure


@CODECS
@given(case=updates())
@settings(max_examples=25)
def test_no_encoded_update_is_larger_than_announced(name: str, case: tuple[Arrays, Arrays]) -> None:
    """The combiner refuses larger files before they are received."""
    arrays, before = case

    assert len(encoded(name, arrays, before)) <= encoded_bytes_max(Structure.of(before))


def test_numbers_that_do_not_compress_take_their_own_size_and_four_bytes_a_block() -> None:
    """Compression never makes a block longer."""
    numbers = np.random.default_rng(5).integers(0, 2**63, 100_000)
    zstd, plain = (encoded(name, [numbers], [numbers]) for name in ("zstd", "plain"))

    assert len(zstd) - len(plain) <= 4 * -(-numbers.size // CODEC_BLOCK_ITEMS)


def test_codecs_save_what_they_promise() -> None:
    """bf16 halves float32, int8 takes about a quarter, and zstd finds what the base explains."""
    random = np.random.default_rng(6)
    before = [random.normal(0, 0.05, 200_000).astype(np.float32)]
    arrays = [before[0] + random.normal(0, 0.0005, 200_000).astype(np.float32)]
    share = {name: len(encoded(name, arrays, before)) / 800_000 for name in codec_names()}

    assert share["bf16"] < 0.501
    assert share["int8"] < 0.252
    assert share["delta+zstd"] < 0.8 < share["zstd"]
    assert share["delta+int8+zstd"] < share["delta+int8"]


@CODECS
def test_memory_stays_at_some_blocks(tmp_path: Path, name: str) -> None:
    """Neither side holds more than some blocks of a model of 32 MB."""
    before = [np.zeros(4_000_000)]
    arrays = [np.random.default_rng(7).normal(0, 1, 4_000_000)]
    path = tmp_path / "update"
    tracemalloc.start()
    try:
        with path.open("wb") as file:
            base = base_of(before)
            write_encoded_to(file, codec_of(name), arrays, Structure.of(arrays), base)
        with open_encoded(path, base) as update:
            for block in update.blocks(0):
                assert block.size
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 4_000_000


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, "largest"])
@pytest.mark.parametrize("name", ["int8", "delta+int8", "bf16", "delta+bf16+zstd"])
def test_numbers_without_a_bounded_error_are_refused(
    name: str, number: float | str, dtype: str
) -> None:
    """The client then sends the update as it is, and the combiner judges it."""
    numbers = np.ones(2_000, dtype)
    numbers[1_500] = np.finfo(dtype).max if number == "largest" else number
    before = [np.zeros(2_000, dtype)]
    if dtype == "float16" and "bf16" in name:
        assert encoded(
            name, [numbers], before
        )  # bf16 has no fewer bytes: the numbers stay as they are
        return

    with pytest.raises(InvalidModel, match="cannot hold"):
        encoded(name, [numbers], before)


def test_a_delta_needs_the_shapes_of_the_base() -> None:
    """An update of another structure is not encoded against the global model."""
    with pytest.raises(InvalidModel, match="shape"):
        encoded("delta+int8", [np.ones((2, 3))], [np.ones((3, 2))])


@pytest.mark.parametrize("helper", ["numpyhelper", "binaryhelper", "androidhelper", "safetensors"])
def test_no_acceptable_model_file_looks_encoded(tmp_path: Path, helper: str) -> None:
    """A file says itself if it is encoded."""
    arrays = [np.random.default_rng(8).normal(0, 1, 100).astype(np.float32)]
    (tmp_path / "update").write_bytes(encoded("bf16", arrays, arrays))
    model_format(helper).write(tmp_path / "model", arrays)

    assert is_encoded(tmp_path / "update")
    assert not is_encoded(tmp_path / "model")


@pytest.mark.parametrize(("helper", "dtype"), [("binaryhelper", "<f8"), ("androidhelper", "<f4")])
def test_bare_numbers_that_begin_like_an_encoded_update_are_not_finite(
    helper: str, dtype: str
) -> None:
    """So a file in a raw format cannot be taken for an encoded one, unless it is refused anyway."""
    start = encoded("bf16", [np.ones(1)], [np.ones(1)])[:8]

    assert not np.isfinite(np.frombuffer(start, dtype)[0]), helper
