"""run.py: what it decides, with pip, apt and the disk replaced."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """run.py, imported afresh and moved to a folder of its own."""
    spec = importlib.util.spec_from_file_location("run_py_under_test", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.STAMP = module.VENV / module.STAMP.name
    module.LOG = module.VENV / module.LOG.name
    return module


@pytest.fixture
def commands(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that setting up would have run; making the environment leaves a python there."""
    seen: list[list[str]] = []

    def record(command: Sequence[str], failure: str) -> None:
        seen.append(list(command))
        if "venv" in command:
            run.venv_program("python").parent.mkdir(parents=True)
            run.venv_program("python").touch()

    monkeypatch.setattr(run, "run_logged", record)
    monkeypatch.setattr(run.shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * run.GIB))
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: name)
    return seen


class TestPython:
    @pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12)])
    def test_supported_versions_pass(self, run: ModuleType, version: tuple[int, int]) -> None:
        assert run.python_problem(version, True, "Linux", "x86_64") is None

    @pytest.mark.parametrize("version", [(3, 9), (3, 13), (3, 14), (4, 0)])
    def test_others_are_told_what_to_install(self, run: ModuleType, version: tuple[int, int]) -> None:
        message = str(run.python_problem(version, True, "Linux", "x86_64"))
        assert f"this is {version[0]}.{version[1]}" in message
        assert "apt install python3.12" in message

    def test_32_bits_and_intel_macs_are_refused(self, run: ModuleType) -> None:
        assert "64-bit" in str(run.python_problem((3, 11), False, "Windows", "AMD64"))
        assert "Apple silicon" in str(run.python_problem((3, 11), True, "Darwin", "x86_64"))
        assert run.python_problem((3, 11), True, "Darwin", "arm64") is None

    def test_supported_is_what_pyproject_says(self, run: ModuleType) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        allowed = SpecifierSet(project["requires-python"])
        assert tuple((3, minor) for minor in range(20) if f"3.{minor}" in allowed) == run.SUPPORTED

    def test_an_old_python_can_read_the_file_far_enough_to_complain(self) -> None:
        ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 7))

    def test_another_python_takes_over(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[list[str]] = []
        monkeypatch.setattr(run, "SUPPORTED", ((2, 7),))
        monkeypatch.setattr(run, "other_python", lambda: "/somewhere/python")
        monkeypatch.setattr(run, "call", lambda command, folder: calls.append(command) or 7)
        assert run.main(["demo", "--json"]) == 7
        assert calls == [["/somewhere/python", str(ROOT / "run.py"), "demo", "--json"]]
        monkeypatch.setattr(run, "other_python", lambda: None)
        with pytest.raises(run.SetupError, match="This needs Python"):
            run.main(["demo"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring these libraries with the wheels")
class TestSystemLibraries:
    def test_nothing_happens_where_all_load(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run, "install_packages", lambda names, why: pytest.fail("nothing is missing"))
        run.check_libraries(run.ALL_LIBRARIES, loads=lambda soname: True)

    @pytest.mark.parametrize(
        ("manager", "packages"),
        [("apt", ["libegl1", "libgl1"]), ("dnf", ["mesa-libEGL", "mesa-libGL"]), ("pacman", ["libglvnd"])],
    )
    def test_missing_ones_become_packages(
        self, run: ModuleType, monkeypatch: pytest.MonkeyPatch, manager: str, packages: list[str]
    ) -> None:
        asked: list[list[str]] = []
        missing = {"libGL.so.1", "libEGL.so.1"}

        def pretend(names: list[str], why: str) -> None:
            asked.append(names)
            missing.clear()

        monkeypatch.setattr(run, "package_manager", lambda: manager)
        monkeypatch.setattr(run, "install_packages", pretend)
        run.check_libraries(run.ALL_LIBRARIES, loads=lambda soname: soname not in missing)
        assert asked == [packages]

    def test_one_that_stays_missing_is_named(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run, "install_packages", lambda names, why: None)
        with pytest.raises(run.SetupError, match=r"libGL\.so\.1 still cannot be loaded"):
            run.check_libraries(run.CV2_LIBRARIES, loads=lambda soname: soname != "libGL.so.1")

    def test_the_real_linker_is_asked(self, run: ModuleType) -> None:
        assert run.can_load("libc.so.6")
        assert not run.can_load("libthere-is-no-such-thing.so.1")

    def test_the_manager_is_the_one_there_is(self, run: ModuleType) -> None:
        assert run.package_manager(lambda command: command if command == "dnf" else None) == "dnf"
        assert run.package_manager(lambda command: None) is None


class TestInstallingPackages:
    def prepare(
        self, run: ModuleType, monkeypatch: pytest.MonkeyPatch, root: list[str] | None, codes: list[int]
    ) -> list[list[str]]:
        seen: list[list[str]] = []

        def pretend(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
            seen.append(command)
            return subprocess.CompletedProcess(command, codes[len(seen) - 1], b"E: no such thing\n")

        monkeypatch.setattr(run, "package_manager", lambda: "apt")
        monkeypatch.setattr(run, "root_prefix", lambda: root)
        monkeypatch.setattr(run.subprocess, "run", pretend)
        return seen

    def test_root_installs_at_once(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = self.prepare(run, monkeypatch, [], [0])
        run.install_packages(["libgl1"], "libGL")
        assert [command[2:4] + command[-1:] for command in seen] == [["apt-get", "install", "libgl1"]]

    def test_lists_are_fetched_when_the_first_try_fails(
        self, run: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = self.prepare(run, monkeypatch, ["sudo", "-n"], [100, 0, 0])
        run.install_packages(["libgl1"], "libGL")
        assert [command[5] for command in seen] == ["install", "update", "install"]
        assert all(command[:2] == ["sudo", "-n"] for command in seen)

    def test_apt_that_fails_is_quoted(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prepare(run, monkeypatch, [], [100, 0, 100])
        with pytest.raises(run.SetupError, match="no such thing"):
            run.install_packages(["libgl1"], "libGL")

    def test_without_rights_the_line_to_type_is_given(
        self, run: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = self.prepare(run, monkeypatch, None, [])
        with pytest.raises(run.SetupError, match="sudo apt-get install -y --no-install-recommends libgl1"):
            run.install_packages(["libgl1"], "libGL")
        assert seen == []

    def test_unknown_systems_get_the_names(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run, "package_manager", lambda: None)
        with pytest.raises(run.SetupError, match="package manager: libgl1"):
            run.install_packages(["libgl1"], "libGL")


class TestSetup:
    def test_the_first_run_installs_and_the_second_does_not(
        self, run: ModuleType, commands: list[list[str]]
    ) -> None:
        run.install(run.COMMANDS["demo"])
        assert [command[2] for command in commands] == ["venv", "pip"]
        assert commands[1][-4:] == ["-c", str(run.ROOT / "constraints.txt"), "-e", str(run.ROOT)]
        run.install(run.COMMANDS["demo"])
        assert len(commands) == 2

    def test_the_tests_need_more_than_the_demo_but_not_the_other_way(
        self, run: ModuleType, commands: list[list[str]]
    ) -> None:
        run.install(run.COMMANDS["demo"])
        run.install(run.COMMANDS["test"])
        assert commands[-1][-1] == f"{run.ROOT}[all]"
        assert len(commands) == 3, "the environment is kept"
        run.install(run.COMMANDS["demo"])
        assert len(commands) == 3

    @pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
    def test_changed_requirements_are_installed(
        self, run: ModuleType, commands: list[list[str]], name: str
    ) -> None:
        run.install(run.COMMANDS["test"])
        (run.ROOT / name).write_text("# another\n", encoding="utf-8")
        run.install(run.COMMANDS["demo"])
        assert [command[2] for command in commands] == ["venv", "pip", "pip"]
        assert commands[-1][-1] == f"{run.ROOT}[all]", "what was there before stays"

    @pytest.mark.parametrize("change", [{"complete": False}, {"base": "Python 3.10.1 in /elsewhere/.venv"}])
    def test_an_interrupted_or_moved_environment_is_made_anew(
        self, run: ModuleType, commands: list[list[str]], change: dict[str, Any]
    ) -> None:
        run.install(run.COMMANDS["demo"])
        (run.VENV / "leftover").touch()
        run.write_stamp(replace(run.read_stamp(), **change))
        run.install(run.COMMANDS["demo"])
        assert [command[2] for command in commands] == ["venv", "pip", "venv", "pip"]
        assert not (run.VENV / "leftover").exists()
        assert run.read_stamp().complete

    def test_a_killed_installation_is_seen(
        self, run: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(command: Sequence[str], failure: str) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(run, "run_logged", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.install(run.COMMANDS["demo"])
        assert not run.read_stamp().complete

    def test_going_offline_spoils_nothing_that_worked(
        self, run: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.install(run.COMMANDS["demo"])

        def offline(command: Sequence[str], failure: str) -> None:
            raise run.SetupError(failure, run.explain_log("NewConnectionError: ..."))

        monkeypatch.setattr(run, "run_logged", offline)
        with pytest.raises(run.SetupError, match="out of reach"):
            run.install(run.COMMANDS["test"])
        run.install(run.COMMANDS["demo"])

    def test_a_full_disk_is_seen_before_the_download(
        self, run: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run.shutil, "disk_usage", lambda _: SimpleNamespace(free=run.GIB))
        with pytest.raises(run.SetupError, match=r"needs 2 GB on the disk; 1\.0 GB are free"):
            run.install(run.COMMANDS["demo"])
        assert commands == []

    def test_debian_without_ensurepip_gets_its_package(
        self, run: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[list[str]] = []
        monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name)
        monkeypatch.setattr(run, "install_packages", lambda names, why: asked.append(names))
        run.install(run.COMMANDS["demo"])
        assert asked == [[f"python3.{sys.version_info[1]}-venv"]]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"base": 1}', '{"extras": 3}'])
    def test_a_damaged_stamp_counts_as_none(self, run: ModuleType, text: str) -> None:
        run.VENV.mkdir()
        run.STAMP.write_text(text, encoding="utf-8")
        assert run.read_stamp() is None


class TestExplaining:
    @pytest.mark.parametrize(
        ("log", "said"),
        [
            ("WARNING: Failed to establish: NewConnectionError", "out of reach"),
            ("OSError: [Errno 28] No space left on device", "disk is full"),
            ("ssl.SSLError: CERTIFICATE_VERIFY_FAILED", "certificate"),
            (
                "Collecting\nERROR: No matching distribution found for av==18.1.0\n",
                "does not exist for this Python and system",
            ),
            ("Preparing\n      OSError: Readme file does not exist\nmore\n", "Readme file does not exist"),
            ("only\nsome\nlast words\n", "last words"),
        ],
    )
    def test_the_log_says_what_to_do(self, run: ModuleType, log: str, said: str) -> None:
        assert said in run.explain_log(log)

    def test_a_failing_command_leaves_its_log(self, run: ModuleType) -> None:
        run.VENV.mkdir()
        with pytest.raises(run.SetupError, match="ERROR: told so") as caught:
            run.run_logged([sys.executable, "-c", "import sys; print('ERROR: told so'); sys.exit(1)"], "It failed")
        assert str(run.LOG) in str(caught.value)
        assert "told so" in run.LOG.read_text(encoding="utf-8")


class TestModels:
    def fetched(self, run: ModuleType, monkeypatch: pytest.MonkeyPatch, code: int) -> list[Sequence[str]]:
        calls: list[Sequence[str]] = []
        monkeypatch.setattr(run, "call", lambda command, folder, stdout: calls.append(command[1:]) or code)
        return calls

    def test_fetched_once_and_again_for_new_cards(
        self, run: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.install(run.COMMANDS["demo"])
        calls = self.fetched(run, monkeypatch, 0)
        run.fetch_models()
        run.fetch_models()
        assert calls == [["models", "fetch"]]
        (run.ROOT / "configs" / "detectors").mkdir(parents=True)
        (run.ROOT / "configs" / "detectors" / "new.toml").touch()
        run.fetch_models()
        assert len(calls) == 2

    def test_a_failure_is_said_and_tried_again(
        self,
        run: ModuleType,
        commands: list[list[str]],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        run.install(run.COMMANDS["demo"])
        calls = self.fetched(run, monkeypatch, 1)
        run.fetch_models()
        run.fetch_models()
        assert len(calls) == 2
        assert "the next run tries again" in capsys.readouterr().err


class TestRunning:
    def recorder(self, codes: dict[str, int]) -> tuple[list[str], Callable[[Sequence[str], Path], int]]:
        seen: list[str] = []

        def pretend(command: Sequence[str], folder: Path) -> int:
            words = " ".join([Path(command[0]).stem, *command[1:]])
            seen.append(words)
            return next((code for part, code in codes.items() if part in words), 0)

        return seen, pretend

    def test_checks_come_first_and_pytest_last(self, run: ModuleType) -> None:
        seen, pretend = self.recorder({})
        assert run.run_tests([], (3, 12), pretend) == 0
        assert seen == [
            "ruff format --check .",
            "ruff check .",
            "mypy",
            "lint-imports",
            "python -m pytest -m not slow",
        ]

    def test_types_are_not_checked_on_python_3_10(self, run: ModuleType) -> None:
        seen, pretend = self.recorder({})
        assert run.run_tests([], (3, 10), pretend) == 0
        assert "mypy" not in seen

    @pytest.mark.parametrize(
        ("codes", "expected"), [({"mypy": 1}, 1), ({"pytest": 5}, 5), ({"ruff check": 1, "pytest": 2}, 2)]
    )
    def test_any_failure_fails(self, run: ModuleType, codes: dict[str, int], expected: int) -> None:
        seen, pretend = self.recorder(codes)
        assert run.run_tests([], (3, 12), pretend) == expected
        assert "pytest" in seen[-1], "the tests run all the same"

    def test_arguments_go_to_pytest_alone(self, run: ModuleType) -> None:
        seen, pretend = self.recorder({})
        run.run_tests(["-m", "slow", "tests/unit"], (3, 12), pretend)
        assert seen == ["python -m pytest -m slow tests/unit"]

    def test_codes_of_commands_come_through(self, run: ModuleType, tmp_path: Path) -> None:
        assert run.call([sys.executable, "-c", "raise SystemExit(3)"], tmp_path) == 3

    @pytest.mark.skipif(sys.platform == "win32", reason="signals end no program with a code there")
    def test_a_command_stopped_by_ctrl_c_gives_130(self, run: ModuleType, tmp_path: Path) -> None:
        ends = "import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), 2)"
        assert run.call([sys.executable, "-c", ends], tmp_path) == 130

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            ([], 2, "Usage"),
            (["--help"], 0, "Usage"),
            (["fly"], 1, "There is no command 'fly'"),
        ],
    )
    def test_words_that_run_nothing(self, words: list[str], code: int, said: str) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "run.py"), *words], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
