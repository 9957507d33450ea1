"""A local stand-in of the Hugging Face Hub: what a pull asks of it, answered as the Hub answers."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/revision/(?P<revision>[^/]+)")
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


@dataclass
class Repo:
    """A repository at one commit, which `revisions` name."""

    files: dict[str, bytes]
    commit: str = "c0ffee" + "0" * 34
    revisions: set[str] = field(default_factory=lambda: {"main"})
    token: str | None = None
    """A bearer token that is wanted: of a private repository for all, of a gated one for files."""
    gated: bool = False

    @classmethod
    def of(cls, directory: Path) -> Self:
        """One that holds what lies in a directory."""
        paths = [path for path in directory.rglob("*") if path.is_file()]
        return cls({str(path.relative_to(directory)): path.read_bytes() for path in paths})


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    host: str
    range: str | None
    authorization: str | None


class Hub:
    """Serves at an address of this machine while the context lasts.

    Weights are redirected, as to the Hub's CDN: to another host, where the address is the loopback's.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.cdn = "localhost" if address == "127.0.0.1" else address
        self.repos: dict[str, Repo] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of files."""
        self.break_after: list[int] = []
        """For the next transfers from the CDN: bytes after which the connection is cut."""
        self.hold_after: int | None = None
        """Bytes after which a transfer from the CDN stands still until the hub ends."""
        self.status: int | None = None
        """Answered to everything, if set."""
        self.damage = False
        """Whether the CDN flips a bit."""
        self._ended = threading.Event()
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        port: int = self._server.server_address[1]
        return port

    @property
    def url(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def transfers(self) -> list[Asked]:
        """Requests for files' content, at the CDN or the Hub."""
        return [asked for asked in self.asked if asked.method == "GET" and "/api/" not in asked.path]

    def hold(self) -> None:
        """Stand still."""
        self._ended.wait(30)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listed(name: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0%b" % (len(data), data)).hexdigest()
    listed: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
    if name.endswith(".safetensors"):
        listed["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return listed


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub = self.served
        headers = self.headers
        if self.path == "/api/agent-harnesses":
            # huggingface_hub's own curiosity, at most once a day; no part of a pull.
            self._fail(404)
            return
        hub.asked.append(
            Asked(self.command, self.path, headers["Host"] or "", headers["Range"], headers["Authorization"])
        )
        path = unquote(urlsplit(self.path).path)
        if hub.status is not None:
            self._fail(hub.status)
        elif path.startswith("/cdn/"):
            self._content(path)
        elif match := _API.fullmatch(urlsplit(self.path).path):
            self._api(unquote(match["repo"]), unquote(match["revision"]))
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(match["repo"], match["revision"], match["name"])
        else:
            self._fail(404)

    def _repo(self, name: str, revision: str, *, listing: bool) -> Repo | None:
        repo = self.served.repos.get(name)
        bearer = self.headers["Authorization"]
        if repo is None or (repo.token and not repo.gated and bearer is None):
            # The Hub does not tell a stranger whether a private repository is there.
            self._fail(401 if bearer is None else 404, "RepoNotFound")
        elif repo.token and not (repo.gated and listing) and bearer != f"Bearer {repo.token}":
            if repo.gated:
                self._fail(403 if bearer else 401, "GatedRepo")
            else:
                self._fail(401, message="Invalid credentials in Authorization header")
        elif revision not in {*repo.revisions, repo.commit}:
            self._fail(404, "RevisionNotFound")
        else:
            return repo
        return None

    def _api(self, name: str, revision: str) -> None:
        repo = self._repo(name, revision, listing=True)
        if repo is not None:
            siblings = [_listed(each, data) for each, data in repo.files.items()]
            self._answer(200, json.dumps({"id": name, "sha": repo.commit, "siblings": siblings}).encode())

    def _resolve(self, name: str, revision: str, file: str) -> None:
        repo = self._repo(name, revision, listing=False)
        if repo is None:
            return
        if file not in repo.files:
            self._fail(404, "EntryNotFound")
        elif file.endswith(".safetensors"):
            where = f"http://{self.served.cdn}:{self.served.port}/cdn/{name}/{file}?signature=s3cret"
            self._answer(302, b"", {"Location": where})
        else:
            self.served.sent += len(repo.files[file])
            self._answer(200, repo.files[file], {"X-Repo-Commit": repo.commit, "ETag": '"an-etag"'})

    def _content(self, path: str) -> None:
        hub = self.served
        organisation, name, file = path.removeprefix("/cdn/").split("/", 2)
        data = hub.repos[f"{organisation}/{name}"].files[file]
        if hub.damage:
            data = bytes([data[0] ^ 1]) + data[1:]
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        stop = hub.break_after.pop(0) if hub.break_after else hub.hold_after
        part = data[start:] if stop is None else data[start : start + stop]
        hub.sent += len(part)
        self.wfile.write(part)
        self.wfile.flush()
        if hub.hold_after is not None:
            hub.hold()
        if len(part) < len(data) - start:
            self.close_connection = True

    def _fail(self, status: int, code: str | None = None, message: str | None = None) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self._answer(status, b"{}", {name: value for name, value in headers.items() if value})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Be quiet."""
