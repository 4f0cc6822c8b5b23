import errno
import os
from pathlib import Path

import pytest

from calibration.errors import StorageError
from calibration.files import atomic_write


def fail_halfway(target: Path, failure: BaseException) -> None:
    with atomic_write(target) as draft:
        draft.write_text("half")
        raise failure


def test_the_file_appears_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.toml"
    with atomic_write(target) as draft:
        assert draft.parent == target.parent
        assert draft.suffix == ".toml"
        draft.write_text("x = 1")
        assert not target.exists()
    assert target.read_text() == "x = 1"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError("bad"), KeyboardInterrupt()])
def test_a_failure_keeps_the_old_file_and_removes_the_draft(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(type(failure)):
        fail_halfway(target, failure)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EBUSY])
def test_what_the_system_refuses_is_explained(tmp_path: Path, number: int) -> None:
    target = tmp_path / "a.txt"
    with pytest.raises(StorageError) as caught:
        fail_halfway(target, OSError(number, os.strerror(number)))
    assert caught.value.path == target
    assert caught.value.remedy
    assert ("disk is full" in caught.value.what) == (number == errno.ENOSPC)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), atomic_write(tmp_path / "file" / "a.txt"):
        pytest.fail("there is nowhere to write")


def test_a_block_that_writes_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageError), atomic_write(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []
