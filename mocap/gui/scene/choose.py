"""Which of the two views of the room this machine can show."""

from __future__ import annotations

import os

from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
from PySide6.QtWidgets import QWidget

from mocap.gui.scene.content import SceneColours
from mocap.gui.scene.flat import NOTICE, FlatScene

# For who wants the software view: a remote desktop, or a driver that misbehaves.
SWITCH = "MOCAP_NO_OPENGL"
# Platforms of Qt that have no screen, on which an OpenGL widget stays blank.
WITHOUT_SCREEN = ("offscreen", "minimal", "vnc")


def opengl_works() -> bool:
    """Whether a context can be made and used."""
    if os.environ.get(SWITCH) or QGuiApplication.platformName() in WITHOUT_SCREEN:
        return False
    context, surface = QOpenGLContext(), QOffscreenSurface()
    if not context.create():
        return False
    surface.create()
    works = bool(surface.isValid() and context.makeCurrent(surface))
    context.doneCurrent()
    return works


def make_scene(colours: SceneColours) -> QWidget:
    """The OpenGL view, or the software view with a notice where that cannot be; both are a ``SceneView``."""
    if not opengl_works():
        return FlatScene(colours)
    try:
        from mocap.gui.scene.gl import GlScene
    except ImportError as error:
        return FlatScene(colours, f"{NOTICE} ({error.name or 'PyOpenGL'} cannot be loaded)")
    return GlScene(colours)
