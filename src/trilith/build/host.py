"""The machine that plans."""

import os
import platform

from trilith.build.catalogue.schema import Head
from trilith.build.model import Host

_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def this_host(head: Head) -> Host:
    """Describe this machine in the words of a catalogue; files can be written on any."""
    machine = platform.machine().lower()
    family = _family()
    known = family if family in head.platforms else head.platforms[0]
    return Host(known, _OTHER_NAMES.get(machine, machine), len(os.sched_getaffinity(0)))


def _family() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return "rhel" if names & {"rhel", "fedora", "centos"} else "linux"
