#!/bin/sh
# Have a model say that it is not ready, and ready again. A server has to run:
#
#     trilith serve examples/draining
#
# usage: drain.sh [FOLDER OF THE MODEL [HTTP ADDRESS]]
folder=${1:-examples/draining/drained}
server=${2:-localhost:8000}

look() {
    curl -s -o /dev/null -w "$1: %{http_code}\n" "http://$server/v2/models/drained/ready"
}

look "serving"
touch "$folder/DRAIN"
look "draining"
rm "$folder/DRAIN"
look "serving again"
