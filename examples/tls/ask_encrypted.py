"""Ask the model ``add_sub`` over an encrypted connection on which both sides show a certificate.

::

    sh examples/tls/make_certificates.sh certificates
    trilith serve examples/repository --http-use-ssl-mutual=true --http-root-cert=certificates/authority.pem \
        --http-server-cert=certificates/server.pem --http-server-key=certificates/server.key
    python examples/tls/ask_encrypted.py certificates

Needs nothing but the standard library; ``tritonclient`` takes the same files (``ssl_options`` or
``ssl_context`` over HTTP, ``root_certificates``, ``private_key`` and ``certificate_chain`` over gRPC).
"""

import argparse
import http.client
import json
import ssl
from pathlib import Path


def connect(server: str, folder: Path) -> http.client.HTTPSConnection:
    """Trust the authority, and show the client's certificate."""
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    context.load_cert_chain(folder / "client.pem", folder / "client.key")
    return http.client.HTTPSConnection(server, context=context)


def main() -> None:
    """Send two vectors; print their sum and their difference."""
    parser = argparse.ArgumentParser(description="Ask the model add_sub over TLS.")
    parser.add_argument("folder", type=Path, help="what make_certificates.sh made")
    parser.add_argument(
        "--server", default="localhost:8000", help="where it listens (default: localhost:8000)"
    )
    words = parser.parse_args()
    tensor = {"datatype": "FP32", "shape": [1, 4]}
    inputs = [
        {"name": "INPUT0", "data": [1, 2, 3, 4], **tensor},
        {"name": "INPUT1", "data": [10, 20, 30, 40], **tensor},
    ]
    connection = connect(words.server, words.folder)
    connection.request("POST", "/v2/models/add_sub/infer", json.dumps({"inputs": inputs}))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if "error" in answer:
        raise SystemExit(answer["error"])
    for output in answer["outputs"]:
        print(output["name"], *output["data"])


if __name__ == "__main__":
    main()
