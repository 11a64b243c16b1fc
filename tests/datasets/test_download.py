"""Downloading the official files, from servers on this machine."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pellucid.common import PellucidError
from pellucid.datasets.official import Official, read_official

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 28, 28), dtype=np.uint8)
FILE = gzip.compress(bytes([0, 0, 8, 3]) + np.array(IMAGES.shape, ">u4").tobytes() + IMAGES.tobytes(), mtime=0)
NAMES = ("train.gz", "test.gz")


class Server(BaseHTTPRequestHandler):
    """Under /whole, the file; /unknown, without its length; /short, half of it; /other, another file."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        content = {"other": b"another file", "short": FILE[: len(FILE) // 2]}.get(kind, FILE)
        self.send_response(200)
        if kind != "unknown":
            self.send_header("Content-Length", str(len(content if kind == "other" else FILE)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def official(*mirrors: str) -> Official:
    return Official("tiny", dict.fromkeys(NAMES, hashlib.sha256(FILE).hexdigest()), mirrors, "tiny.npz", {}, ())


@pytest.mark.parametrize("kind", ["whole", "unknown"])
def test_a_download_shows_how_far_it_is(server: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = official(f"{server}/{kind}/")
    train, test, place = read_official(tiny)
    assert np.array_equal(train, IMAGES)
    assert np.array_equal(test, IMAGES)
    assert place == tiny.folder
    lines = capsys.readouterr().err.splitlines()
    done = f"{len(FILE):,}/{len(FILE):,} bytes"
    assert [line.split(" bytes")[0] + " bytes" for line in lines] == (
        [f"downloading {name}: {done}" for name in NAMES] if kind == "whole" else []
    )


def test_where_a_mirror_fails_the_next_is_tried(server: str) -> None:
    tiny = official(f"{server}/short/", f"{server}/other/", "http://127.0.0.1:9/", f"{server}/whole/")
    assert np.array_equal(read_official(tiny)[0], IMAGES)
    assert sorted(path.name for path in tiny.folder.iterdir()) == sorted(NAMES)


def test_without_a_mirror_that_works_the_error_says_what_to_do(server: str) -> None:
    tiny = official(f"{server}/short/", f"{server}/other/")
    with pytest.raises(PellucidError, match=r"could not be downloaded from .* or .* put it into"):
        read_official(tiny)
    assert not list(tiny.folder.iterdir())
