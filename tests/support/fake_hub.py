"""A server on this machine that speaks as much of the hub's protocol as fetching a file needs, and a client process."""

import hashlib
import json
import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.warm_python import warm_python

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/cells"
# huggingface_hub reads its endpoint and cache as it is imported, so that each client is a process of its own, which
# forgets what the warm one imported of it before it was told of either.
CLIENT = """
import json, sys
from pathlib import Path
for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
    del sys.modules[name]
from jdm_core import CheckpointError, Explainer
outcomes = []
for name, source, arguments in json.load(sys.stdin):
    try:
        if "manifest" in arguments:
            arguments["manifest"] = Path(arguments["manifest"])
        outcomes.append(getattr(Explainer, name)(source, "cpu", **arguments).sha256)
    except CheckpointError as error:
        outcomes.append(str(error))
print(json.dumps([outcomes, "huggingface_hub" in sys.modules]))
"""


class FakeHub(ThreadingHTTPServer):
    """Serves `files`, the bytes of a repository's files at COMMIT, by name; `asked` lists what was asked of them."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked = files, []
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        if "/resolve/" in self.path:  # the client may ask for other things of its own
            self.server.asked.append(f"{self.command} {self.path}")
        at_commit, at_main = f"/{REPO}/resolve/{COMMIT}/", f"/{REPO}/resolve/main/"
        file = self.path.removeprefix(at_commit).removeprefix(at_main)
        data, reason = self.server.files.get(file), "EntryNotFound"
        if not self.path.startswith(f"/{REPO}/"):
            reason = "RepoNotFound"
        elif file == self.path:
            reason = "RevisionNotFound"
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", reason)
            data = b""
        else:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


def load(home, endpoint, *calls, **environment):
    """What `calls` (method of Explainer, source, arguments) give: a digest or a reason each; and was the hub imported.

    `home` keeps the cache between clients.
    """
    plain = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [warm_python(), "-c", CLIENT],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
        env=plain | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "PYTHONPATH": os.getcwd()} | environment,
    )
    outcomes, imported = json.loads(done.stdout)
    return outcomes, imported
