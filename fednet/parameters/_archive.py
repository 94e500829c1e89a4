"""Reads the zip archive around the arrays, and checks that it is a model file.

zipfile parses and inflates; this module limits its input, and refuses archives that zipfile would accept.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from fednet import limits
from fednet.errors import InvalidModel

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

# The end of a zip file: its record, preceded in a large archive by a locator and a 64-bit record.
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")

# The header before each member: its mark, and at its end the lengths of the name and of the extra fields.
_LOCAL: Final = struct.Struct("<4s22xHH")
_UTF8: Final = 0x800

# An entry for `99999.npy` as `write_model` makes it takes 152 bytes, and a name in UTF-8 four for each character.
_ENTRY_BYTES_MAX: Final = 256 + 4 * limits.array_name_characters_max
_SUFFIX: Final = ".npy"
_POSITIONAL: Final = ("{}", "arr_{}")
_ENCRYPTED_OR_PATCHED: Final = 0x61

# The errors of zipfile on damage; RuntimeError and ValueError include NotImplementedError and UnicodeDecodeError.
_DAMAGES: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class ZipMember:
    """One array's entry in the directory, and the begin and end of its bytes in the file."""

    info: zipfile.ZipInfo
    start: int
    end: int

    @property
    def name(self) -> str:
        """The key of the array."""
        return self.info.filename.removesuffix(_SUFFIX)

    @property
    def is_stored(self) -> bool:
        """True if the bytes can be viewed in place."""
        return self.info.compress_type == zipfile.ZIP_STORED


@contextmanager
def archive_errors() -> Iterator[None]:
    """Map errors of zipfile to ours.

    Raises:
        InvalidModel: The archive is damaged.
    """
    try:
        yield
    except _DAMAGES as error:
        raise InvalidModel(
            f"The archive is damaged: {error}. Save or send the model again."
        ) from error


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open the archive after a check of the number of members that it claims, because zipfile reads them all.

    Raises:
        InvalidModel: The file is not a zip archive, is cut off, or has more members than a model may have.
    """
    count = _claimed_count(file)
    archive = zipfile.ZipFile(file)
    if len(archive.infolist()) != count:
        raise InvalidModel(
            f"The archive claims {count} members but has {len(archive.infolist())}. "
            "Save or send the model again."
        )
    return archive


def members(archive: zipfile.ZipFile, mapping: mmap.mmap) -> list[ZipMember]:
    """Return the archive's members in the order of the arrays.

    Args:
        archive: The archive.
        mapping: Its file.

    Raises:
        InvalidModel: The keys are wrong, or a member is encrypted, overlaps another or is
            compressed by a method other than deflate.
    """
    _check_keys(archive.namelist())
    found = [_member(info, mapping, archive.start_dir) for info in archive.infolist()]
    _check_apart(found, archive.start_dir)
    return _in_order(found)


def _in_order(found: list[ZipMember]) -> list[ZipMember]:
    """Return numbered members by their number, as numpy.savez names arrays without names; others as they are."""
    by_name = {member.name: member for member in found}
    for form in _POSITIONAL:
        numbered = [form.format(position) for position in range(len(found))]
        if by_name.keys() == set(numbered):
            return [by_name[name] for name in numbered]
    return found


def _claimed_count(file: BinaryIO) -> int:
    """Return the number of members in the record at the end of the file, within its limits."""
    end, count, length, offset = _end_record(file)
    if offset + length != end:
        raise InvalidModel("The archive is cut off or has something before it. Save it again.")
    if not 1 <= count <= limits.model_arrays_max or length > count * _ENTRY_BYTES_MAX:
        raise InvalidModel(
            f"The archive has {count} members in a directory of {length} bytes; a model has 1 to "
            f"{limits.model_arrays_max}, each in at most {_ENTRY_BYTES_MAX} bytes. Save it with "
            "numpy.savez."
        )
    return count


def _end_record(file: BinaryIO) -> tuple[int, int, int, int]:
    """Return the position of the end record, and its count, length and offset of the directory."""
    end = file.seek(0, os.SEEK_END) - _END.size
    record = _unpack(_END, file, end) if end >= 0 else (b"", 0)
    if record[0] != b"PK\x05\x06" or record[-1] != 0:
        _check_no_pickle(file)
        raise InvalidModel(
            "The file is not an npz archive, or it is cut off. Save the model with numpy.savez and "
            "send the whole file, or name the helper of the file."
        )
    *_, count, length, offset, _ = record
    end64 = end - _LOCATOR.size - _END64.size
    if end64 >= 0 and _unpack(_LOCATOR, file, end64 + _END64.size)[0] == b"PK\x06\x07":
        return _end64_record(file, end64)
    return end, count, length, offset


def _end64_record(file: BinaryIO, end: int) -> tuple[int, int, int, int]:
    """Return the same from the 64-bit record, which must be at the position in its locator."""
    _, _, located, _ = _unpack(_LOCATOR, file, end + _END64.size)
    magic, *_, count, length, offset = _unpack(_END64, file, end)
    if magic != b"PK\x06\x06" or located != end:
        raise InvalidModel("The archive's 64-bit directory is damaged. Save or send it again.")
    return end, count, length, offset


def _unpack(layout: struct.Struct, file: BinaryIO, offset: int) -> tuple[Any, ...]:
    file.seek(offset)
    return layout.unpack(file.read(layout.size))


def _check_no_pickle(file: BinaryIO) -> None:
    file.seek(0)
    if file.read(1) == b"\x80":
        raise _a_pickle()


def _a_pickle() -> InvalidModel:
    return InvalidModel(
        "The file is not an npz archive but a pickle, as torch.save writes it; convert it by:\n"
        '    state = torch.load("model.pt", map_location="cpu", weights_only=True)\n'
        "    arrays = {name: tensor.numpy() for name, tensor in state.items()}\n"
        '    numpy.savez("model.npz", **arrays)'
    )


def _check_keys(names: list[str]) -> None:
    if any(name.endswith((".pkl", "/data.pkl")) for name in names):
        raise _a_pickle()
    for name in names:
        _check_key(name)
    _check_numbers(names)
    [(name, times)] = Counter(names).most_common(1)
    if times > 1:
        raise InvalidModel(
            f"The archive has the key {name!r} twice. Save each array under its own key."
        )


def _check_key(name: str) -> None:
    key = name.removesuffix(_SUFFIX)
    if key == name or not key:
        raise InvalidModel(
            f"The archive has the member {name[:80]!r}, which is no array. Save the model with "
            "numpy.savez(file, **arrays) or numpy.savez(file, *arrays)."
        )
    if (
        len(key) > limits.array_name_characters_max
        or not key.isprintable()
        or {"", ".", ".."} & set(key.replace("\\", "/").split("/"))
    ):
        raise InvalidModel(
            f"Invalid name of an array: {name[:80]!r}. Use at most "
            f"{limits.array_name_characters_max} printable characters, and no '..' between slashes."
        )


def _check_numbers(names: list[str]) -> None:
    """Refuse a list of arrays with a gap: of keys that are numbers, all must be there."""
    wanted = {f"{position}{_SUFFIX}" for position in range(len(names))}
    strange = [name for name in names if name not in wanted]
    numbers = [name for name in names if name.removesuffix(_SUFFIX).lstrip("-").isdigit()]
    if numbers and strange:
        raise InvalidModel(
            f"A model with {len(names)} arrays has the key {strange[0]!r} beside numbers. Save the "
            "arrays as a list with numpy.savez(file, *arrays), or give each one a name."
        )


def _member(info: zipfile.ZipInfo, mapping: mmap.mmap, directory_start: int) -> ZipMember:
    if info.flag_bits & _ENCRYPTED_OR_PATCHED:
        raise InvalidModel(f"Array {info.filename!r} is encrypted. Save it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidModel(
            f"Array {info.filename!r} is compressed by method {info.compress_type}. Save the model "
            "with numpy.savez or numpy.savez_compressed."
        )
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise InvalidModel(
            f"The archive gives two sizes for array {info.filename!r}. Save or send the model again."
        )
    if info.header_offset >= directory_start:
        raise InvalidModel(
            f"The file lacks the bytes of array {info.filename!r}. Send the model again."
        )
    magic, name_bytes, extra_bytes = _LOCAL.unpack_from(mapping, info.header_offset)
    name_start = info.header_offset + _LOCAL.size
    name = mapping[name_start : name_start + name_bytes]
    if magic != b"PK\x03\x04" or name.decode(_encoding(info)) != info.orig_filename:
        raise InvalidModel(
            f"The archive has another name for array {info.filename!r} beside its bytes. Save or send "
            "the model again."
        )
    start = name_start + name_bytes + extra_bytes
    return ZipMember(info, start, start + info.compress_size)


def _encoding(info: zipfile.ZipInfo) -> str:
    return "utf-8" if info.flag_bits & _UTF8 else "cp437"


def _check_apart(found: list[ZipMember], directory_start: int) -> None:
    """Check that no byte belongs to two members; else a small file could hold any number of arrays."""
    ordered = sorted(found, key=lambda member: member.info.header_offset)
    borders = [member.info.header_offset for member in ordered[1:]] + [directory_start]
    for member, border in zip(ordered, borders, strict=True):
        if member.end > border:
            raise InvalidModel(
                f"Array {member.info.filename!r} overlaps the next one. Save or send the model again."
            )
