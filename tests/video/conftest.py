"""Every call of the video package ends its threads and leaves no temporary file."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_thread_and_no_temporary_file_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name in ("ahead", "behind")]
    assert not list(tmp_path.rglob(".impasto-*"))
