"""A stand-in for the Hugging Face Hub on 127.0.0.1: the routes that its client uses, in memory."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_tests"
READ_TOKEN = "hf_that_reads"
LARGE = (".safetensors", ".webp")  # which the Hub keeps in LFS


@dataclass
class Repository:
    """Commits, newest last: each has all files by path."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add files on top of the newest commit; return the hash of the commit."""
        merged = {**(self.commits[self.head] if self.commits else {}), **files}
        content = repr((len(self.commits), sorted(merged.items()))).encode()
        name = hashlib.sha1(content).hexdigest()
        self.commits[name] = merged
        return name

    @property
    def head(self) -> str:
        return next(reversed(self.commits))

    def find(self, revision: str) -> str | None:
        known = revision in self.commits
        return self.head if revision == "main" else revision if known else None


class HubServer(ThreadingHTTPServer):
    """The server, and what tests ask of it.

    Attributes:
        repositories: by "user/repo".
        requests: "METHOD path" of all requests so far.
        damaged: paths of files whose bytes are sent with a wrong one.
        sizes: sizes that are stated for paths, in place of theirs.
        git_files: paths that are git blobs, though their suffix is that of large files.
        broken: a status that is the answer to everything, such as 503.
        broken_uploads: the same to uploads of large files.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.damaged: set[str] = set()
        self.sizes: dict[str, int] = {}
        self.git_files: set[str] = set()
        self.broken: int | None = None
        self.broken_uploads: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(
        self,
        repository: str,
        files: dict[str, bytes],
        private: bool = False,
        gated: bool = False,
    ) -> str:
        """Make a repository, or add a commit to it; return the hash of the commit."""
        known = self.repositories.setdefault(repository, Repository(private, gated))
        return known.commit(files)

    def is_large(self, path: str) -> bool:
        """Whether a file is in LFS."""
        return path.endswith(LARGE) and path not in self.git_files

    def hash_of(self, path: str, data: bytes) -> str:
        """As the Hub states it: SHA-256 of files in LFS, and SHA-1 of git blobs."""
        if self.is_large(path):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def files(self, repository: str) -> dict[str, bytes]:
        known = self.repositories[repository]
        return known.commits[known.head]


@contextmanager
def serve_hub() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._route("GET")

    do_HEAD = do_POST = do_PUT = do_GET

    def _route(self, _: str) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.broken:
            self._answer(self.server.broken, {"error": "out of order"})
            return
        for pattern, action in ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                getattr(self, f"_{action}")(*match.groups())
                return
        self._answer(404, {"error": "no such route"})

    def _answer(self, status: int, body: Any = None, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _may_write(self) -> bool:
        if self._token not in (TOKEN, READ_TOKEN):
            self._answer(401, {"error": "Invalid username or password."})
        elif self._token == READ_TOKEN:
            self._answer(403, {"error": "Forbidden: you need write access"})
        return self._token == TOKEN

    def _find(self, name: str) -> Repository | None:
        known = self.server.repositories.get(name)
        if known and known.gated and self._token != TOKEN:
            self._answer(403, {"error": "Access is restricted"}, X_Error_Code="GatedRepo")
        elif known and (not known.private or self._token == TOKEN):
            return known
        elif self._token:
            self._answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        else:
            self._answer(401, {"error": "Invalid username or password."})
        return None

    def _find_commit(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repository = self._find(name)
        if repository is None:
            return None
        if commit := repository.find(revision):
            return commit, repository.commits[commit]
        self._answer(404, {"error": "Invalid rev id"}, X_Error_Code="RevisionNotFound")
        return None

    def _file(self, name: str, revision: str, path: str) -> None:
        found = self._find_commit(name, revision)
        if not found:
            return
        commit, files = found
        if path not in files:
            headers = {"X_Error_Code": "EntryNotFound", "X_Repo_Commit": commit}
            self._answer(404, {"error": "Entry not found"}, **headers)
            return
        data = files[path]
        headers = {"ETag": f'"{self.server.hash_of(path, data)}"', "X_Repo_Commit": commit}
        if path in self.server.sizes:
            headers["X_Linked_Size"] = str(self.server.sizes[path])
        if path in self.server.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self._answer(200, data, **headers)

    def _facts(self, name: str, revision: str | None) -> None:
        if found := self._find_commit(name, revision or "main"):
            commit, files = found
            siblings = [{"rfilename": path} for path in files]
            self._answer(200, {"id": name, "sha": commit, "siblings": siblings, "tags": []})

    def _create(self) -> None:
        if self._may_write():
            asked = json.loads(self.body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.server.repositories:
                url = f"{self.server.address}/{name}"
                self._answer(409, {"error": "You already created this model repo", "url": url})
                return
            private = asked.get("visibility") == "private" or asked.get("private", False)
            self.server.add(name, {".gitattributes": b""}, private=private)
            self._answer(200, {"url": f"{self.server.address}/{name}", "name": name})

    def _validate(self) -> None:
        text = json.loads(self.body)["content"]
        if "license: no-such-license" in text:
            error = {"message": '"license" must be one of apache-2.0, mit, ...'}
            self._answer(400, {"errors": [error], "warnings": []})
        else:
            self._answer(200, {"errors": [], "warnings": []})

    def _preupload(self, name: str) -> None:
        if self._may_write() and (repository := self._find(name)):
            known = repository.commits[repository.head]
            paths = [file["path"] for file in json.loads(self.body)["files"]]
            modes = [
                {
                    "path": path,
                    "uploadMode": "lfs" if self.server.is_large(path) else "regular",
                    "shouldIgnore": False,
                    "oid": self.server.hash_of(path, known[path]) if path in known else None,
                }
                for path in paths
            ]
            self._answer(200, {"files": modes})

    def _lfs_batch(self, name: str) -> None:
        if self._may_write() and self._find(name):
            objects = [
                {
                    **{key: file[key] for key in ("oid", "size")},
                    "actions": {"upload": {"href": f"{self.server.address}/lfs/{file['oid']}"}},
                }
                for file in json.loads(self.body)["objects"]
            ]
            self._answer(200, {"transfer": "basic", "objects": objects})

    def _lfs_put(self, oid: str) -> None:
        if self.server.broken_uploads:
            self._answer(self.server.broken_uploads)
            return
        matches = hashlib.sha256(self.body).hexdigest() == oid
        if matches:
            self.server.blobs[oid] = self.body
        self._answer(200 if matches else 400)

    def _commit(self, name: str) -> None:
        if not self._may_write() or not self._find(name):
            return
        files = {}
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
        commit = self.server.add(name, files)
        url = f"{self.server.address}/{name}/commit/{commit}"
        self._answer(200, {"commitUrl": url, "commitOid": commit, "success": True})


_NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    ("POST /api/repos/create", "create"),
    ("POST /api/validate-yaml", "validate"),
    (rf"POST /api/models/{_NAME}/preupload/main", "preupload"),
    (rf"POST /api/models/{_NAME}/commit/main", "commit"),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", "lfs_batch"),
    (r"PUT /lfs/(\w+)", "lfs_put"),
    (rf"GET /api/models/{_NAME}(?:/revision/([^/]+))?", "facts"),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/([^/]+)/(.+)", "file"),
)
