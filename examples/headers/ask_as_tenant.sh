#!/bin/sh
# Sends a header that the model reads as a parameter of its request.
#
#     trilith serve examples/headers '--http-header-forward-pattern=^x-tenant$'
#     sh examples/headers/ask_as_tenant.sh
set -eu

server=${1:-localhost:8000}
curl -s -H 'X-Tenant: blue' "$server/v2/models/tenant/generate" -d '{"TEXT": "hello"}'
echo
