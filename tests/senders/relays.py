"""What stands between senders and the service, and says that it is busy or broken before it lets them through."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PASSED_ON = ("authorization", "content-type", "content-encoding")


@contextmanager
def relaying(base: str, status: int, times: int = 1) -> Iterator[tuple[str, Counter[int]]]:
    """The address of a relay to `base` whose first answer is (or so many are) of `status`; and what it has answered."""
    answered: Counter[int] = Counter()
    lock = threading.Lock()

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                is_refused = answered[status] < times
                answered[status] += is_refused
            if is_refused:
                self._answer(status, b"upstream says no", "text/plain")
                return
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            passed = httpx.post(base + self.path, content=body, headers=headers, timeout=30)
            answered[passed.status_code] += 1
            self._answer(passed.status_code, passed.content, passed.headers["content-type"])

        def _answer(self, status: int, body: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", answered
        finally:
            server.shutdown()
            thread.join()
