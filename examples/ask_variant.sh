#!/bin/sh
# Which of a model's configurations is served depends on how the server was started:
#
#     trilith serve examples/variants --model-config-name=double
#     sh examples/ask_variant.sh
#
# A model without 'configs/double.pbtxt' is served by its 'config.pbtxt'.
curl -s "http://${1:-localhost:8000}/v2/models/scale/generate" -d '{"NUMBER": 21}'
echo
