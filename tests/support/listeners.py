"""Whoever is told of something: an address that takes POSTs, and a mail server, both on this machine."""

import email
import email.policy
import http.server
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """An address, and the texts that were posted to it."""
    texts: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            texts.append(json.loads(content)["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _serving(http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)) as port:
        yield f"http://{LOOPBACK}:{port}/hook", texts


@contextmanager
def mail_server() -> Iterator[tuple[str, list[str]]]:
    """`server:port`, and the mails that it took: subject, an empty line, and the text."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 a test\r\n")
            for line in self.rfile:
                word = line[:4].upper().strip()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mails.append(_read(b"".join(iter(self.rfile.readline, b".\r\n"))))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")

    with _serving(socketserver.ThreadingTCPServer((LOOPBACK, 0), Handler)) as port:
        yield f"{LOOPBACK}:{port}", mails


def _read(content: bytes) -> str:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    body = mail.get_body(("plain",))
    return f"{mail['subject']}\n\n{body.get_content() if body else ''}"


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def wait_for(texts: list[str], number: int) -> None:
    """Wait until so many arrived, two minutes at most."""
    deadline = time.monotonic() + 120
    while len(texts) < number:
        assert time.monotonic() < deadline, texts
        time.sleep(0.2)
