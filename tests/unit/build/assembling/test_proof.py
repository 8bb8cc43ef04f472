"""What counts as a network connection, and what a build without one looks like."""

import sys
from pathlib import Path

import pytest

from trilith.build.assembling.proof import Cut, Proof, connections, refuse_connections, run_cut, ways
from trilith.build.problems import BuildError

TRACE = """\
1 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)
1 connect(4, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0
2 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 ENETUNREACH
3 connect(5, {sa_family=AF_INET6, sin6_port=htons(443)}, 28) = -1 ENETUNREACH (Network is unreachable)
3 +++ exited with 0 +++
"""
ASKS = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"


def test_only_networks_count() -> None:
    assert [line[0] for line in connections(TRACE)] == ["2", "3"]


def test_a_build_that_asked_for_a_network_is_refused() -> None:
    with pytest.raises(BuildError, match=r"asked for a network 2 times: .*AF_INET"):
        refuse_connections(Proof("", tuple(connections(TRACE)), counted=True))


def test_a_machine_that_can_prove_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="can neither cut off the network"):
        run_cut(["true"], Cut(), {}, tmp_path)


def test_a_proof_says_what_was_not_counted() -> None:
    assert str(Proof("unshare --net")) == "proof: network cut off by 'unshare --net'; not counted: no strace"


def test_connections_of_a_command_are_seen_where_this_machine_can(tmp_path: Path) -> None:
    cut = ways()
    if not cut.namespace and not cut.trace:
        test_a_machine_that_can_prove_nothing_says_so(tmp_path)
        return
    status, proof = run_cut([sys.executable, "-c", ASKS], cut, {}, tmp_path)
    assert status == 0
    assert len(proof.connections) == (1 if cut.trace else 0)
    assert proof.counted == bool(cut.trace)
