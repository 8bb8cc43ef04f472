"""What is wrong with certificates and keys, told with their flags."""

import json

from trilith.server.encryption import inspect
from trilith.server.options import Endpoint

FILES = {"certificate": "c.pem", "key": "k.pem", "roots": "r.pem"}


def endpoint(name: str, files: dict[str, str]) -> Endpoint:
    return Endpoint(name, name, "127.0.0.1", 0, {"encryption": files} if files else {})


def test_problems_and_warnings_of_all_endpoints_name_flag_and_file() -> None:
    asked = []

    def look(files: str) -> list[tuple[str, str, bool]]:
        asked.append(json.loads(files))
        return [("certificate", "expired", False), ("key", "is encrypted", True), ("roots", "is empty", True)]

    endpoints = [endpoint("http", FILES), endpoint("grpc", FILES), endpoint("metrics", {})]
    problems, warnings = inspect(endpoints, look)
    assert asked == [FILES, FILES]
    assert problems == [
        "--http-server-key=k.pem: is encrypted",
        "--http-root-cert=r.pem: is empty",
        "--grpc-server-key=k.pem: is encrypted",
        "--grpc-root-cert=r.pem: is empty",
    ]
    assert warnings == ["--http-server-cert=c.pem: expired", "--grpc-server-cert=c.pem: expired"]
