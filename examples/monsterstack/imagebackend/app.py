"""Draws monsters: GET /monster/WORD answers with a PNG that is always the same for the same word.

Nothing but Python's standard library. Settings come from the environment:
  PORT  where to listen (8080)
  SIZE  width and height of a picture in pixels (240)
"""

import hashlib
import os
import signal
import socket
import struct
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

PORT = int(os.environ.get("PORT", "8080"))
SIZE = int(os.environ.get("SIZE", "240"))

CELLS = 12  # a monster is drawn on a grid of so many cells a side
WHITE = (255, 255, 255)
BLACK = (24, 24, 32)


def monster(word):
    """The grid of a monster: rows of colours. Its left half comes from the hash, its right half mirrors it."""
    bits = hashlib.sha256(word.encode()).digest()
    body = tuple(64 + byte // 2 for byte in bits[:3])
    shade = tuple(value * 3 // 4 for value in body)
    paper = tuple(216 + byte // 8 for byte in bits[3:6])
    rows = [[paper] * CELLS for _ in range(CELLS)]

    def put(x, y, colour):
        rows[y][x] = rows[y][CELLS - 1 - x] = colour

    for y in range(2, 10):  # a round trunk, with fur at its edge
        widest = 4 if 3 <= y <= 8 else 3
        for x in range(6 - widest, 6):
            put(x, y, shade if bits[6 + y] >> (x % 8) & 1 and y > 6 else body)
        if bits[16 + y] & 1:
            put(5 - widest, y, body)
    for horn in range(1, 5):  # horns above, legs below
        if bits[24] >> horn & 1:
            put(horn, 1, shade)
        if bits[25] >> horn & 1 or horn == 3:
            put(horn, 10, body)
    eye = 3 + bits[26] % 2
    for y in (4, 5):
        put(eye, y, WHITE)
    put(eye, 4 + bits[27] % 2, BLACK)
    mouth = 7 + bits[28] % 2
    for x in range(4 + bits[29] % 2, 6):
        put(x, mouth, BLACK)
    if bits[30] & 1:
        put(4, mouth + 1, WHITE)
    return rows


def png(rows, size):
    """A PNG of `size` pixels a side from a square grid of colours (https://www.w3.org/TR/png/)."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = []
    for y in range(size):
        row = rows[y * len(rows) // size]
        lines.append(b"\0" + b"".join(bytes(row[x * len(row) // size]) for x in range(size)))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(lines), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "text/plain", b"ok\n")
        elif self.path.startswith("/monster/") and len(self.path) > len("/monster/"):
            self.answer(200, "image/png", png(monster(unquote(self.path[len("/monster/") :])), SIZE))
        else:
            self.answer(404, "text/plain", b"ask for /monster/WORD\n")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", socket.gethostname())
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    # The first process of a container gets no default action for SIGTERM: without this, stopping a pod takes 30 seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"drawing monsters on port {PORT}", flush=True)
    Server(("", PORT), Handler).serve_forever()
