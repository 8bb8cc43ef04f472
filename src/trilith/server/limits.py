"""Limits that the system sets for this process."""

import resource

WANTED_DESCRIPTORS = 1 << 16
"""Twice the connections that HTTP and gRPC take together, so that these bounds are met first."""


def raise_descriptor_limit() -> None:
    """Allow this process as many open files as the system lets it have, up to what it can use.

    The usual limit of 1024 exists for programs that call ``select``; a thousand slow clients would use it up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
