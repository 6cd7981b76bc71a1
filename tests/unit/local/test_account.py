from pathlib import Path

from needledrop_local.account import let_enter, let_read


def test_folders_above_can_be_entered_and_nothing_else_changes(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    data = closed / "open" / "data"
    data.mkdir(parents=True, mode=0o700)
    (closed / "open").chmod(0o755)
    closed.chmod(0o700)
    changed = let_enter(data)
    assert closed in changed
    assert closed.stat().st_mode & 0o777 == 0o701
    assert (closed / "open").stat().st_mode & 0o777 == 0o755
    assert data.stat().st_mode & 0o777 == 0o700
    assert let_enter(data) == []


def test_programs_and_files_of_a_private_installation_become_readable(tmp_path: Path) -> None:
    program, library = tmp_path / "bin" / "postgres", tmp_path / "lib.so"
    program.parent.mkdir(mode=0o700)
    program.write_bytes(b"")
    program.chmod(0o700)
    library.write_bytes(b"")
    library.chmod(0o600)
    (tmp_path / "link").symlink_to("/no/such/file")
    let_read(tmp_path)
    modes = [path.stat().st_mode & 0o777 for path in (program.parent, program, library)]
    assert modes == [0o705, 0o705, 0o604]
