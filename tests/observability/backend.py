"""A backend whose paths name its behavior."""

import time

from harness.http_server import HttpServer, QuietHandler


class Behavior(QuietHandler):
    """Responds with 200 after `ms` milliseconds. `/fail` responds with 500. `/hang-up` closes the
    connection, and `/break-off` does so within the body of its response.
    """

    # A response is one write. With two, the second one waits 40 ms for the acknowledgement of the first.
    wbufsize = -1

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query = self.path.partition("?")
        if query.startswith("ms="):
            time.sleep(float(query.removeprefix("ms=")) / 1000)

        if path == "/fail":
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()
        elif path == "/hang-up":
            self.close_connection = True
        elif path == "/break-off":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.close_connection = True
        else:
            self.respond(b"{}")

    do_POST = do_GET


def backend() -> HttpServer:
    return HttpServer(Behavior)
