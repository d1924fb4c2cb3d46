"""A command line with the shape of `cunjing`, for stacks whose services are beside the point."""

import http.server
import os
import sys


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


if __name__ == "__main__" and len(sys.argv) == 3:
    service, kind = sys.argv[1:]
    port = os.environ[f"CUNJING_{service.upper()}_{'PORT' if kind == 'api' else 'WORKER_PORT'}"]
    http.server.HTTPServer(("127.0.0.1", int(port)), Ready).serve_forever()
