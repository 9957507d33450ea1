"""Tiny stand-ins for engine and bridge: they answer health, take voices, and end when a file tells them to.

As `engine convert CHECKPOINT MODEL_DIR …` it makes a model directory; a file `hold-convert` stops it half-way, a file
`crash-convert` ends it there. It cleans nothing up.

`python stand_ins.py engine|bridge serve --port … [--admin-port …] …`; the folder STAND_IN_FOLDER receives what they
were told, and a file `crash-engine` or `crash-bridge` in it makes one end with exit code 3.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(os.environ["STAND_IN_FOLDER"])
ROLE = sys.argv[1]


def option(name: str, default: str = "") -> str:
    """The value of `--name` in the command line."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


class Handler(BaseHTTPRequestHandler):
    """Health everywhere, and the voices."""

    def do_GET(self) -> None:
        self.answer(b'{"status": "ok"}')

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {os.environ['TIMBRE_ENGINE_ADMIN_TOKEN']}":
            self.send_error(401)
            return
        document = json.loads(body)
        (FOLDER / "voices.json").write_bytes(body)
        with (FOLDER / "pushes").open("a") as pushes:
            pushes.write(",".join(voice["name"] for voice in document["voices"]) + "\n")
        state = {"digest": "", "generation": document["generation"], "state": "ready"}
        voices = {voice["name"]: state for voice in document["voices"]}
        self.answer(json.dumps({"generation": document["generation"], "voices": voices}).encode())

    def answer(self, body: bytes) -> None:
        """200 with JSON."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def serve(port: str) -> None:
    """Serve on loopback, in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def convert(target: Path) -> None:
    """Write a model directory."""
    target.mkdir()
    (target / "talker.gguf").write_text("half")
    if (FOLDER / "crash-convert").exists():
        sys.exit(3)
    while (FOLDER / "hold-convert").exists():
        time.sleep(0.02)
    (target / "model.json").write_text("{}")


def main() -> None:
    """Run until SIGTERM, or until told to crash."""
    if sys.argv[2] == "convert":
        convert(Path(sys.argv[4]))
        return
    (FOLDER / f"{ROLE}.argv").write_text("\n".join(sys.argv))
    (FOLDER / f"{ROLE}.pid").write_text(str(os.getpid()))
    with (FOLDER / f"{ROLE}.starts").open("a") as starts:
        starts.write("x")
    (FOLDER / f"{ROLE}.routes").write_text(option("--routes"))
    if ROLE == "engine":
        serve(option("--admin-port"))
    serve(option("--port"))
    while not (FOLDER / f"crash-{ROLE}").exists():
        time.sleep(0.02)
    sys.exit(3)


main()
