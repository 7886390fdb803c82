"""A unit's own server: takes the webhooks of Hồi Âm, verifies their signature (https://www.standardwebhooks.com), prints each once.

    python3 webhook_receiver.py --port 8080 --secret-file secret.txt

The secret is what `hoiam unit webhook set` printed (`whsec_...`); during a rotation either of two secrets verifies, so the file may be
replaced any time within 24 hours. Needs nothing but Python. Behind it, a unit would open the case by gRPC or NATS and answer it.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds: an older message may be one that somebody recorded
LARGEST = 64 * 1024


def verified(secret, headers, body):
    """Whether the body was signed with the secret, a moment ago."""
    try:
        sent = int(headers["webhook-timestamp"])
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{sent}.".encode() + body
        signatures = headers["webhook-signature"].split(" ")
    except (TypeError, ValueError, AttributeError):
        return False
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # Compared whole, so that the time it takes says nothing.
    return abs(time.time() - sent) <= TOLERANCE and any(
        hmac.compare_digest(expected.encode(), given.encode()) for given in signatures
    )


def receiver(secret_file):
    seen = set()  # a real one keeps these with its cases, for good

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            if length > LARGEST:
                return self.answer(413)
            body = self.rfile.read(length)
            with open(secret_file, encoding="utf-8") as file:
                secret = file.read().strip()
            if not verified(secret, self.headers, body):
                return self.answer(401)
            if self.headers["webhook-id"] not in seen:
                # Here it is stored; only then is it answered.
                print(json.dumps(json.loads(body), ensure_ascii=False), flush=True)
                seen.add(self.headers["webhook-id"])
            self.answer(204)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Receiver


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080, help="0: a free one, printed first")
    parser.add_argument("--secret-file", required=True)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), receiver(options.secret_file))
    print(f"http://127.0.0.1:{server.server_port}/hoiam", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
