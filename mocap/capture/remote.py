"""Starting and stopping a recording: by a key, by another program over HTTP, by the clock."""

from __future__ import annotations

import hmac
import json
import math
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from mocap.capture.events import Status
from mocap.core.errors import InputError

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Switch:
    """What starts and stops a recording, from whichever thread."""

    _start: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start."""
        self._start.set()

    def stop(self) -> None:
        """Stop; before the start, nothing is recorded."""
        self._stop.set()

    @property
    def started(self) -> bool:
        """Whether somebody started."""
        return self._start.is_set()

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped."""
        return self._stop.is_set()


class RemoteControl:
    """A small HTTP server: ``POST /start``, ``POST /stop``, ``GET /status`` (JSON).

    On this computer alone it asks for nothing but refuses web pages of other sites, which a browser would let
    send such requests. Where other computers can reach it, requests must bear the token:
    ``Authorization: Bearer TOKEN``.

    Parameters
    ----------
    address : str
        ``PORT`` or ``HOST:PORT``; port 0 for any that is free.
    switch : Switch
    status : callable
        Gives the state of the recording, or None.
    """

    def __init__(self, address: str, switch: Switch, status: Callable[[], Status | None]) -> None:
        host, _, port = address.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise InputError(f"'{address}' is no address to listen at.", "Write a port or HOST:PORT: 8765.")
        host = host or LOCAL_HOSTS[0]
        self.token = "" if host in LOCAL_HOSTS else secrets.token_urlsafe(16)
        handler = type(
            "Handler", (_Handler,), {"switch": switch, "status": staticmethod(status), "token": self.token}
        )
        try:
            self._server = ThreadingHTTPServer((host, int(port)), handler)
        except OSError as error:
            raise InputError(f"'{address}' cannot be listened at: {error}.", "Choose another port.") from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="remote control", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> RemoteControl:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    switch: Switch
    status: Callable[[], Status | None]
    token: str

    def do_GET(self) -> None:
        """Tell the state."""
        if self.path == "/status" and self._allowed():
            status = self.status()
            self._answer(200, asdict(status) if status is not None else {"state": "opening"})
        elif self.path != "/status":
            self._answer(404, {"error": "There are GET /status, POST /start and POST /stop."})

    def do_POST(self) -> None:
        """Start or stop."""
        action = {"/start": self.switch.start, "/stop": self.switch.stop}.get(self.path)
        if action is None:
            self._answer(404, {"error": "There are GET /status, POST /start and POST /stop."})
        elif self._allowed():
            action()
            self._answer(200, {"done": self.path[1:]})

    def _allowed(self) -> bool:
        if self.token:
            given = self.headers.get("Authorization", "")
            allowed = hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())
        else:
            host = self.headers.get("Host", "").rpartition(":")[0].strip("[]")
            allowed = "Origin" not in self.headers and host in LOCAL_HOSTS
        if not allowed:
            self._answer(403, {"error": "This request is not allowed."})
        return allowed

    def _answer(self, code: int, value: dict[str, Any]) -> None:
        body = json.dumps(_finite(value)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing on the terminal."""


def _finite(value: Any) -> Any:
    """Replace what is not a number by null, as JSON knows it."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
