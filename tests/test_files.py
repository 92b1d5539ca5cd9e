"""Files are written whole or not at all, and what cannot be read is said in one line."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from disk import Disk
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from impasto.errors import ImpastoError, StyleError
from impasto.files import RoomyFile, describe_missing, is_url, unwritable_reason, write_atomically
from impasto.tensor_files import MAX_TENSORS, read_safetensors, write_safetensors
from impasto.tensor_headers import MAX_FILE_BYTES, MAX_HEADER_BYTES

FORMAT = "a format"
TENSORS = {"one": np.arange(6, dtype=np.float32).reshape(2, 3)}


def broken_open(failure: BaseException) -> Callable[..., Any]:
    """`Path.open` of a file that takes half of what is written, and then fails."""
    real = Path.open

    def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file: Any = real(path, mode, *args, **kwargs)
        if "r" in mode:
            return file
        write = file.write

        class Half:
            def __enter__(self) -> "Half":
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, data: bytes) -> None:
                write(data[: len(data) // 2])
                file.flush()
                raise failure

        return Half()

    return opened


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [None, b"the old one"])
def test_a_write_that_fails_halfway_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, old: bytes | None
) -> None:
    path = tmp_path / "file"
    if old:
        path.write_bytes(old)
    with monkeypatch.context() as broken, pytest.raises(type(failure)):
        broken.setattr(Path, "open", broken_open(failure))
        write_atomically(path, b"the new one")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([old] if old else [])


def test_a_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    for data in (b"one", b"two"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208


def test_a_full_disk_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", broken_open(OSError(28, "No space left on device")))
    with pytest.raises(ImpastoError, match=r"a\.safetensors: No space left on device"):
        write_safetensors(tmp_path / "a.safetensors", TENSORS, {"format": FORMAT})


@pytest.mark.parametrize("room", [0, 100, 999, 10_000])
def test_room_to_end_a_file_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk = Disk(monkeypatch, 1000)
    with (
        (tmp_path / "file").open("xb") as opened,
        contextlib.closing(RoomyFile(opened, room)) as file,
    ):
        kept = min(room, 250)  # a quarter of what is free
        file.write(bytes(1000 - kept))
        assert (file.full, disk.room) == (None, 0)
        if kept:
            assert file.write(b"x" * kept) == kept
            assert file.full is not None
        with pytest.raises(OSError, match="No space left on device"):
            file.write(b"more")
    assert (tmp_path / "file").read_bytes() == bytes(1000 - kept) + b"x" * kept
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_where_no_file_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in ("file", "new", "new/folders/new", "folder/new"):
        assert unwritable_reason(tmp_path / path) is None
    for path, reason in (
        ("file/new", "Not a directory; a part of its path is a file"),
        ("file/new/new", "Not a directory"),
        ("folder", "Is a directory; there is a folder of this name"),
        ("x" * 300, "File name too long; choose a shorter name"),
    ):
        assert (unwritable_reason(tmp_path / path) or "").startswith(reason)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ST_RDONLY", 1, raising=False)
        patch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=1), raising=False)
        assert (unwritable_reason(tmp_path / "new") or "").startswith("Read-only file system")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert (unwritable_reason(tmp_path / "new") or "").startswith(
        "Permission denied; change its permissions"
    )


@given(
    values=st.lists(st.floats(width=32, allow_nan=False), max_size=20),
    facts=st.dictionaries(
        st.text("abc.", min_size=1), st.text(st.characters(exclude_categories=["Cs"]))
    ),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], facts: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("round") / "trip.safetensors"
    written = np.array(values, np.float32)
    write_safetensors(
        path, {"values": written[::-1]}, facts | {"format": FORMAT}
    )  # reversed: not contiguous
    tensors, metadata = read_safetensors(path, StyleError, FORMAT)
    np.testing.assert_array_equal(tensors["values"], written[::-1])
    assert metadata == facts | {"format": FORMAT}


def cut(data: bytes) -> list[bytes]:
    return [data[: len(data) * part // 8] for part in range(8)]


@pytest.mark.parametrize(
    "data",
    [
        b"Dear Sir or Madam,\n" * 9,
        b"\xff" * 100,
        *cut(save(TENSORS, {"format": FORMAT})),
    ],
)
def test_broken_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    with pytest.raises(
        StyleError, match=r"broken\.safetensors: it is broken or no safetensors file"
    ) as raised:
        read_safetensors(path, StyleError, FORMAT)
    assert "\n" not in str(raised.value)


def with_header(header: str, data: bytes = b"1234") -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            with_header(" " * (MAX_HEADER_BYTES + 1)),
            "its header says it has 1,048,577 bytes, and 1,048,576 are the most",
        ),
        (b"\xff" * 8, "its header says it has 18,446,744,073,709,551,615 bytes"),
        (
            save(
                {f"n{number}": np.ones(1) for number in range(MAX_TENSORS + 1)}, {"format": FORMAT}
            ),
            "101 tensors",
        ),
        (save({"a": np.ones(1)}, {"format": FORMAT, "more": "long " * 300_000}), "are the most"),
        (with_header('{"a":' * 200_000), "broken"),
        (
            with_header(
                '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}'
            ),
            "broken",
        ),
        (
            with_header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[1099511627776,4]}}'),
            "broken",
        ),
        (with_header('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}'), "broken"),
        (with_header('{"__metadata__":{"format":7}}', b""), "broken"),
    ],
)
def test_limits(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(StyleError) as raised:
        read_safetensors(path, StyleError, FORMAT)
    said = str(raised.value)
    assert (
        str(path) in said and reason in said and "get or make it anew" in said and len(said) < 600
    )


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", TENSORS, {"format": FORMAT})
    with (tmp_path / "a.safetensors").open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # takes no room
    with pytest.raises(StyleError, match=r"268,435,457 bytes, and 268,435,456 are the most"):
        read_safetensors(tmp_path / "a.safetensors", StyleError, FORMAT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(StyleError, match="it is no file"):
        read_safetensors(tmp_path / "a.safetensors", StyleError, FORMAT)


@pytest.mark.parametrize(
    ("kind", "size"),
    [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("C64", 8), ("F4", 1), ("F128", 16)],
)
def test_numbers_that_numpy_may_not_have(tmp_path: Path, kind: str, size: int) -> None:
    tensor = f'{{"dtype":"{kind}","shape":[{2 if kind == "F4" else 1}],"data_offsets":[0,{size}]}}'
    header = f'{{"a":{tensor},"__metadata__":{{"format":"{FORMAT}"}}}}'
    (tmp_path / "a.safetensors").write_bytes(with_header(header, bytes(size)))
    with contextlib.suppress(StyleError):
        read_safetensors(tmp_path / "a.safetensors", StyleError, FORMAT)


def test_missing_files_folders_and_other_formats(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match=r"absent\.safetensors: it does not exist"):
        read_safetensors(tmp_path / "absent.safetensors", StyleError, FORMAT)
    with pytest.raises(StyleError, match="broken or no safetensors"):
        read_safetensors(tmp_path, StyleError, FORMAT)
    write_safetensors(tmp_path / "other.safetensors", TENSORS, {"format": "another"})
    with pytest.raises(
        StyleError, match="it has the format 'another'; give a file of the format 'a format'"
    ):
        read_safetensors(tmp_path / "other.safetensors", StyleError, FORMAT)
    (tmp_path / "bare.safetensors").write_bytes(save(TENSORS))
    with pytest.raises(StyleError, match="it has no format; give"):
        read_safetensors(tmp_path / "bare.safetensors", StyleError, FORMAT)


# What killed processes leave


@pytest.mark.process
def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    """By the next one that writes there; what others are writing stays."""
    command = (
        "import os, signal, sys; from pathlib import Path; from impasto.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1]) / 'out.bin') as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", command, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".impasto-")
    theirs = left.with_name(left.name.replace(left.name.split("-")[2], str(os.getppid())))
    elsewhere = left.with_name(".impasto-0therone-1-a.tmp")
    for path in (theirs, elsewhere):
        path.write_bytes(b"being written")
    write_atomically(tmp_path / "new.bin", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["new.bin", theirs.name, elsewhere.name]
    )


@pytest.mark.parametrize("address", ["https://a.org/b.jpg", "HTTP://a.org/b.jpg", "s3://a/b.jpg"])
def test_addresses_are_named_as_the_user_wrote_them(address: str) -> None:
    for path in (address, Path(address)):
        assert is_url(path)
        assert describe_missing(path).startswith(f"{address}: impasto does not download")


@pytest.mark.parametrize("path", ["a.jpg", "https.jpg", "https/a.jpg", "c:/a.jpg"])
def test_files_are_no_addresses(path: str) -> None:
    assert describe_missing(path) == f"{path}: there is no such file; check the name"
