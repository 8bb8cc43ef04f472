#!/bin/sh
# Shows that the statistics are for those alone who send the secret, and that inference is for all.
#
#     trilith serve examples/repository --http-restricted-api=statistics:admin-key=secret
#     sh examples/restricted.sh
set -eu

server=${1:-localhost:8000}
ask() { curl -s -o /dev/null -w '%{http_code}' "$@"; }

echo "statistics without the secret: $(ask "$server/v2/models/add_sub/stats")"
echo "statistics with the secret: $(ask -H 'admin-key: secret' "$server/v2/models/add_sub/stats")"
echo "metadata: $(ask "$server/v2/models/add_sub")"
