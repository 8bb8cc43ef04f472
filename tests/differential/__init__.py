"""Sends the same requests to the real Triton and to this server, and says where the answers differ.

``TRILITH_PEERS=benchmarks/.peers PYTHONPATH=tests python -m differential``; the folder is what ``make bench``
sets up. Not part of ``make test``, which needs no peer.
"""
