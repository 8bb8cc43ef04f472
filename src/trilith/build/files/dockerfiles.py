"""The three Dockerfiles: what is built in, what results, what tests it.

Images of results hold what runs and nothing of what builds: no compilers, no ``-dev`` packages, no caches of
package managers. Proxies reach the build as build arguments, which the engine knows by itself and which do
not land in the image.
"""

import json
from collections.abc import Iterable

from trilith.build.files.bundled import Bundled, copy_lines, from_lines, install_lines
from trilith.build.files.common import BUILDS, RUNS, header, image_name, packages
from trilith.build.files.quoting import environment_lines, quote_word
from trilith.build.model import Plan

WORKSPACE = "/workspace"
_UID = 1000


def buildbase(plan: Plan, script: str, bundled: Bundled | None = None) -> str:
    """Write ``Dockerfile.buildbase``: the machine that builds."""
    lines = _start(plan, "The machine that everything is built in.")
    variables = environment_lines(plan.catalogue.head.environment)
    variables += [""] if variables else []
    tools = plan.catalogue.packages.python_build
    if bundled:
        lines += [*from_lines(bundled.build), *variables]
        lines += install_lines(bundled.build, packages(plan, "build"), runs=False)
        # Tools of this server's build are unpacked in the bundle, as they are for a build without containers.
        lines += copy_lines(bundled, tools if plan.catalogue.head.builder != "wheel" else ())
        return _text([*lines, f"WORKDIR {WORKSPACE}", f"COPY {script} {WORKSPACE}/"])
    lines += [f"ARG BASE_IMAGE={_image(plan, BUILDS)}", "FROM ${BASE_IMAGE}", "", *variables]
    lines += _mirror_arguments(plan)
    lines += _keyrings(plan)
    lines += _install(plan, packages(plan, "build"))
    if tools:
        words = " ".join(quote_word(tool) for tool in tools)
        lines += [
            "# Tools for the build that come as wheels.",
            f"RUN pip3 install --no-cache-dir --break-system-packages {words}",
            "",
        ]
    lines += [f"WORKDIR {WORKSPACE}", f"COPY {script} {WORKSPACE}/"]
    if plan.catalogue.head.builder == "wheel":
        lines += [
            "# The sources of the server: the folder that the build is started from.",
            f"COPY --from=source . {WORKSPACE}/source",
        ]
    return _text(lines)


def result(plan: Plan, bundled: Bundled | None = None) -> str:
    """Write ``Dockerfile``: the image that runs."""
    head = plan.catalogue.head
    lines = _start(plan, "The server and what it needs to run.")
    if bundled:
        lines += from_lines(bundled.run)
        lines += install_lines(bundled.run, packages(plan, "run"), runs=True)
    else:
        lines += [f"ARG BASE_IMAGE={_image(plan, RUNS)}", "FROM ${BASE_IMAGE}", ""]
        lines += _mirror_arguments(plan)
        lines += _keyrings(plan)
        lines += _install(plan, packages(plan, "run"))
    # A root made of packages has the user already, and nothing that makes one.
    lines += [] if bundled and bundled.run.unpacked else _user(head.user)
    lines += [f"COPY install {head.root}", ""]
    environment = {"PATH": f"{head.root}/bin:${{PATH}}"}
    for part in plan.parts:
        environment |= part.component.environment
    lines += [*environment_lines(environment, expand=True), ""]
    lines += [f"LABEL {quote_word(name)}={quote_word(value)}" for name, value in _labels(plan).items()]
    lines += ["", f"WORKDIR {head.root}", f"USER {head.user}"]
    lines += _health(plan)
    if plan.part(head.main):
        lines += [f"CMD {json.dumps(list(head.command))}"]
    return _text(lines)


def _health(plan: Plan) -> list[str]:
    """Return the check that the image makes of itself; over HTTP, so that it needs that endpoint."""
    serving = plan.catalogue.serving
    door = next((one for one in plan.catalogue.doors if one.protocol == "kserve-http"), None)
    if door is None or not plan.part(door.endpoint) or not serving.health:
        return []
    address = f"http://127.0.0.1:{door.port}{plan.catalogue.head.health}"
    words = [word.replace("{address}", address) for word in serving.health]
    return [
        "HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \\",
        f"    CMD {json.dumps(words)}",
    ]


def cibase(plan: Plan) -> str:
    """Write ``Dockerfile.cibase``: the result and what tests it."""
    lines = _start(plan, "The result with what is needed to test it.")
    lines += ["ARG BASE_IMAGE", "FROM ${BASE_IMAGE}", "", f"COPY ci {WORKSPACE}", f"WORKDIR {WORKSPACE}"]
    return _text(lines)


def _start(plan: Plan, title: str) -> list[str]:
    return [f"# {title}", "#", *(f"# {line}".rstrip() for line in header(plan)), ""]


def _image(plan: Plan, what: str) -> str:
    return plan.mirrors.send("containers", plan.images.get(image_name(plan, what), ""))


def _labels(plan: Plan) -> dict[str, str]:
    labels = {
        "org.opencontainers.image.title": plan.catalogue.head.image_name,
        "org.opencontainers.image.version": plan.version.text,
        "org.opencontainers.image.revision": plan.selection.text("build-sha"),
        "dev.trilith.build.id": plan.selection.text("build-id"),
        "dev.trilith.build.plan": plan.digest,
        "dev.trilith.build.bricks": " ".join(part.key for part in plan.parts if part.chosen),
    }
    for part in plan.parts:
        labels |= part.component.labels
    return {name: value for name, value in labels.items() if value}


def _mirror_arguments(plan: Plan) -> list[str]:
    lines: list[str] = []
    index = plan.mirrors.single("pypi")
    if index:
        lines += [f"ARG PIP_INDEX_URL={quote_word(index)}"]
    if plan.platform.text != "rhel":
        lines += ["ARG DEBIAN_FRONTEND=noninteractive"]
        for source, target in plan.mirrors.of("apt").items():
            rule = quote_word(f"s|{source}|{target}|g")
            lines += [
                "RUN find /etc/apt -name '*.list' -o -name '*.sources' \\",
                f"    | xargs --no-run-if-empty sed -i {rule}",
            ]
    return [*lines, ""] if lines else []


def _keyrings(plan: Plan) -> list[str]:
    if plan.platform.text == "rhel":
        return []
    found = {part.component.debian_keyrings.get(plan.machine.text, "") for part in plan.parts} - {""}
    lines: list[str] = []
    for address in sorted(found):
        target = plan.mirrors.send("archives", address)
        lines += [
            "# Keys of the repository that some packages come from.",
            "RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl \\",
            f"    && curl --fail --silent --show-error --location {quote_word(target)} \\",
            "        --output /var/tmp/keyring.deb \\",
            "    && dpkg --install /var/tmp/keyring.deb && rm -rf /var/tmp/keyring.deb /var/lib/apt/lists/*",
            "",
        ]
    return lines


def _install(plan: Plan, names: Iterable[str]) -> list[str]:
    names = list(names)
    if not names:
        return []
    listed = [f"        {name} \\" for name in names]
    if plan.platform.text == "rhel":
        return [
            "RUN dnf install --assumeyes --setopt=install_weak_deps=False \\",
            *listed,
            "    && dnf clean all",
            "",
        ]
    return [
        "RUN apt-get update && apt-get install --yes --no-install-recommends \\",
        *listed,
        "    && rm -rf /var/lib/apt/lists/*",
        "",
    ]


def _user(name: str) -> list[str]:
    return [
        "# Not root. Base images may bring a user of this number, which goes.",
        f"RUN (getent passwd {_UID} | cut -d: -f1 | xargs --no-run-if-empty userdel --remove || true) \\",
        f"    && useradd --uid {_UID} --create-home {name}",
        "",
    ]


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
