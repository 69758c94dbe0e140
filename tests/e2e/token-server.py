#!/usr/bin/env python3
"""A token service for docker-registry, by distribution's token specification.

    token-server.py HOST:PORT USER:PASSWORD KEY.pem CERTIFICATE.pem LIFE-IN-SECONDS

Makes RS256 tokens for that user and nobody else, and prints a line for each request. The registry trusts the certificate
(`auth.token.rootcertbundle`); a token carries it in `x5c`.
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse
import uuid

ADDRESS, ACCOUNT, KEY, CERTIFICATE, LIFE = sys.argv[1:]
HOST, PORT = ADDRESS.rsplit(":", 1)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate() -> str:
    with open(CERTIFICATE, encoding="ascii") as file:
        return "".join(line.strip() for line in file if "-----" not in line)


def token(service: str, scopes: list[str]) -> str:
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 2)
        # Pulls only: whatever else is asked for is not granted.
        granted = [action for action in actions.split(",") if action == "pull"]
        access.append({"type": kind, "name": name, "actions": granted})
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate()]}
    claims = {
        "iss": "token-server", "sub": ACCOUNT.split(":")[0], "aud": service, "jti": str(uuid.uuid4()),
        "iat": now, "nbf": now - 1, "exp": now + int(LIFE), "access": access,
    }
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signed = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), check=True, capture_output=True)
    return f"{text}.{encoded(signed.stdout)}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        wanted = "Basic " + base64.b64encode(ACCOUNT.encode()).decode()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if self.headers.get("Authorization") != wanted:
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]})
        else:
            made = token(query.get("service", [""])[0], query.get("scope", []))
            self.answer(200, {"token": made, "expires_in": int(LIFE)})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format, *arguments):
        print(format % arguments, flush=True)


http.server.ThreadingHTTPServer((HOST, int(PORT)), Handler).serve_forever()
