"""The doctor: what it finds in healthy and in damaged installations."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from mocap.pipeline import doctor
from mocap.pipeline.doctor import Answer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that only the child processes see."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


class TestProbe:
    def test_modules_that_load_fail_and_are_absent(self, modules: Path) -> None:
        (modules / "damaged_one.py").write_text("raise OSError('bad block')", encoding="utf-8")
        answers = doctor.probe(["json", "damaged_one", "absent_one"])
        assert answers["json"] == Answer(True, ())
        assert answers["damaged_one"] == Answer(False, ("OSError: bad block",))
        assert "No module named 'absent_one'" in answers["absent_one"].facts[0]

    def test_a_module_that_kills_the_process_does_not_hide_the_next(self, modules: Path) -> None:
        (modules / "killer_one.py").write_text("import os; os._exit(139)", encoding="utf-8")
        answers = doctor.probe(["json", "killer_one", "csv"])
        assert [answers[name].works for name in ("json", "killer_one", "csv")] == [True, False, True]
        assert "139" in answers["killer_one"].facts[0]

    def test_a_module_that_hangs_is_given_up(self, modules: Path) -> None:
        (modules / "sleepy_one.py").write_text("import time; time.sleep(60)", encoding="utf-8")
        answers = doctor.probe(["sleepy_one", "csv"], timeout_s=1.5)
        assert "no answer within" in answers["sleepy_one"].facts[0]
        assert answers["csv"].works

    def test_a_module_that_talks_is_not_misread(self, modules: Path) -> None:
        (modules / "chatty_one.py").write_text("print('hello', flush=True)", encoding="utf-8")
        assert doctor.probe(["chatty_one"])["chatty_one"].works

    def test_the_folder_of_the_pipeline_shadows_nothing(self) -> None:
        # mocap/pipeline holds settings.py; run by its path, the doctor must not offer it as a module.
        assert not doctor.probe(["settings"])["settings"].works


class TestJudging:
    def test_a_library_that_loads(self) -> None:
        assert doctor.library_finding("av", "18.1.0", Answer(True, ())).state == "ok"

    def test_a_library_that_is_absent(self) -> None:
        found = doctor.library_finding("av", None, Answer(False, ()))
        assert (found.state, found.remedy) == ("missing", "pip install av")

    def test_a_library_that_lacks_one_of_the_system(self) -> None:
        reason = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"
        found = doctor.library_finding("opencv-contrib-python", "5.0.0.93", Answer(False, (reason,)))
        assert found.state == "broken"
        assert "apt-get install libgl1" in found.remedy

    def test_an_unknown_system_library_is_named(self) -> None:
        assert "libnew.so.7" in doctor.reinstall_remedy("libnew.so.7: cannot open shared object file", "pip")

    def test_a_damaged_library_is_installed_again(self) -> None:
        found = doctor.library_finding("scipy", "1.17.1", Answer(False, ("ImportError: undefined symbol",)))
        assert found.remedy.startswith("Install it again: pip install scipy==1.17.1 --force-reinstall")

    def test_extras_name_what_is_absent_and_the_line_to_type(self) -> None:
        found = doctor.extra_finding("gui", {"PySide6-Essentials": "6.11.3", "pyqtgraph": None}, None)
        assert found.state == "missing"
        assert "without pyqtgraph" in found.detail
        assert found.remedy == "pip install 'openmocap[gui]'"
        assert doctor.extra_finding("torch", {"torch": "2.13.0"}, None).state == "ok"
        assert doctor.extra_finding("gui", {"a": "1"}, Answer(False, ("ImportError: x",))).state == "broken"

    def test_a_second_opencv_is_told(self) -> None:
        assert doctor.opencv_finding([]) is None
        found = doctor.opencv_finding(["opencv-python"])
        assert found is not None
        assert found.state == "broken"
        assert "pip uninstall -y opencv-python" in found.remedy

    def test_the_python(self) -> None:
        assert doctor.python_finding((3, 12), True).state == "ok"
        assert doctor.python_finding((3, 13), True).state == "broken"
        assert doctor.python_finding((3, 12), False).state == "broken"

    def test_models_by_their_state(self) -> None:
        facts = ("heavy\tready\t/cache/heavy", "finder\tmissing\t/cache/finder", "full\tdamaged\t/cache/full")
        states = [(found.state, found.remedy) for found in doctor.model_findings(Answer(True, facts))]
        assert states == [("ok", ""), ("missing", "mocap models fetch"), ("broken", "mocap models fetch")]
        assert doctor.model_findings(Answer(False, ("ImportError: cv2",)))[0].state == "broken"

    def test_the_encoder(self) -> None:
        assert doctor.encoder_finding(Answer(True, ("libx264", "62.1"))).state == "ok"
        assert doctor.encoder_finding(Answer(False, ("UnknownCodecError",))).state == "broken"

    def test_the_graphics_card_is_optional(self) -> None:
        assert doctor.graphics_finding(None, None).state == "missing"
        assert "processor" in doctor.graphics_finding("2.13.0", Answer(True, ())).detail
        assert doctor.graphics_finding("2.13.0", Answer(True, ("H100",))).detail == "H100"
        assert doctor.graphics_finding("2.13.0", Answer(False, ("OSError: x",))).state == "broken"

    def test_a_folder_that_is_not_there_yet(self, tmp_path: Path) -> None:
        found = doctor.folder_finding("sessions folder", tmp_path / "a" / "b")
        assert (found.state, not (tmp_path / "a").exists()) == ("ok", True)

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2e8))
        found = doctor.folder_finding("sessions folder", tmp_path)
        assert found.state == "broken"
        assert "0.2 GB free" in found.detail

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
        assert "cannot be written" in doctor.folder_finding("sessions folder", tmp_path).detail


class TestAgainstTheProject:
    def names(self, lines: list[str]) -> set[str]:
        return {re.split(r"[\[<>=;!~ ]", line)[0] for line in lines}

    def test_the_tables_name_what_pyproject_asks_for(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert set(doctor.BASE) == self.names(project["dependencies"]) - {"tomli"}
        extras = project["optional-dependencies"]
        assert set(doctor.EXTRAS) == set(extras) - {"dev", "all"}
        for name, distributions in doctor.EXTRAS.items():
            # An extra may name other distributions on other systems.
            here = [line for line in extras[name] if (mark := Requirement(line).marker) is None or mark.evaluate()]
            assert self.names(here) - {"openmocap"} <= set(distributions)

    def test_the_system_packages_are_those_of_run_py(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = importlib.util.spec_from_file_location("run_py_for_doctor", ROOT / "run.py")
        assert spec is not None
        assert spec.loader is not None
        run = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, run)
        spec.loader.exec_module(run)
        assert {library.soname: library.apt for library in run.ALL_LIBRARIES} == doctor.DEBIAN_PACKAGES

    def test_this_installation_is_examined(self) -> None:
        found = {finding.name: finding for finding in doctor.examine()}
        assert found["Python"].state == "ok"
        assert all(found[name].state == "ok" for name in doctor.BASE)
        assert found["video encoder"].state == "ok"
        assert {"models folder", "sessions folder", "processor", "graphics card"} <= set(found)
        assert all(finding.remedy for finding in found.values() if finding.state != "ok")


def test_the_runtime_of_each_network_is_told_with_its_times() -> None:
    facts = ("heavy\tlitert\tlitert 30 ms\topenvino 31 ms", "heavy\topenvino\tlitert 31.6 ms\topenvino 27.8 ms")
    (found,) = doctor.runtime_findings(Answer(True, facts))
    assert (found.name, found.state) == ("runtime of heavy", "ok")
    assert found.detail == "openvino is used; one crop on one core: litert 31.6 ms, openvino 27.8 ms"
    (found,) = doctor.runtime_findings(Answer(True, ()))
    assert "litert" in found.detail
    (found,) = doctor.runtime_findings(Answer(False, ("ImportError: x",)))
    assert found.state == "broken"
