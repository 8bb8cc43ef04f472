"""``docker_build``: builds in a container and puts the images together.

No name is fixed but the one that the result is tagged with at the end: builds of different plans on one
machine do not meet.
"""

from trilith.build.files.common import header
from trilith.build.files.shell import Script, quote
from trilith.build.model import Plan

_DIGEST = 12


def docker_build(plan: Plan, script_name: str) -> str:
    """Write the script that drives the container engine."""
    head = plan.catalogue.head
    script = Script(
        "Builds the images with a container engine.", header(plan), trace=plan.selection.has("verbose")
    )
    script.blank()
    script.raw("# Another engine that takes docker's words will do.\nENGINE=${ENGINE:-docker}")
    script.raw(f"IMAGE=${{IMAGE:-{head.image_name}}}")
    script.raw(f"PLAN={plan.digest[:_DIGEST]}")
    if head.builder == "wheel":
        script.raw("# The source tree of the server.\nSOURCE_DIR=${SOURCE_DIR:-$PWD}")
    script.raw('cd -- "$(dirname -- "${BASH_SOURCE[0]}")"')
    _proxies(script)
    _base(plan, script)
    _container(plan, script, script_name)
    script.section("The image that runs, and the one that tests it")
    secrets = [word for choice in plan.selection.all("build-secret") for word in _secret(choice.value)]
    script.raw(f'"$ENGINE" build "${{proxies[@]}}" {_words(secrets)}--tag "$IMAGE:$PLAN" --file Dockerfile .')
    script.raw(
        '"$ENGINE" build --build-arg BASE_IMAGE="$IMAGE:$PLAN" --tag "$IMAGE-cibase:$PLAN" \\\n'
        "    --file Dockerfile.cibase ."
    )
    script.raw('"$ENGINE" tag "$IMAGE:$PLAN" "$IMAGE:latest"')
    script.raw('echo "The image is $IMAGE:$PLAN"')
    return script.text()


def _proxies(script: Script) -> None:
    script.blank()
    script.comment(
        "Proxies of this environment are passed on by name: the engine keeps them out of the image, and what"
    )
    script.comment("they hold does not show in a log.")
    script.raw("proxies=()")
    script.raw("for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do")
    script.raw('    if [[ -n ${!name:-} ]]; then proxies+=(--build-arg "$name"); fi')
    script.raw("done")


def _base(plan: Plan, script: Script) -> None:
    script.section("The machine that builds")
    pull = "" if plan.selection.has("no-container-pull") else "--pull "
    source = '--build-context source="$SOURCE_DIR" ' if plan.catalogue.head.builder == "wheel" else ""
    script.raw(
        f'"$ENGINE" build "${{proxies[@]}}" {pull}{source}--tag "$IMAGE-buildbase:$PLAN" \\\n'
        "    --file Dockerfile.buildbase ."
    )


def _container(plan: Plan, script: Script, script_name: str) -> None:
    script.section("The build, in a container of its own; what it made is copied out")
    words = ["--workdir", "/workspace"]
    if any("containers of its own" in note for note in plan.notes):
        script.comment("Some parts start containers of their own, so that they need the engine's socket.")
        words += ["--volume", "/var/run/docker.sock:/var/run/docker.sock"]
    words += _folders(plan)
    memory = plan.selection.text("container-memory")
    words += ["--memory", memory] if memory else []
    configuration = plan.selection.text("use-user-docker-config")
    if configuration:
        words += [
            "--volume",
            f"{configuration}:/etc/docker-client/config.json:ro",
            "--env",
            "DOCKER_CONFIG=/etc/docker-client",
        ]
    release = plan.selection.text("release-version")
    if release:
        words += ["--env", f"TRITON_RELEASE_VERSION={release}"]
    script.raw(
        f'container=$("$ENGINE" create {_words(words)}"$IMAGE-buildbase:$PLAN" ./{script_name})\n'
        'trap \'"$ENGINE" rm --force "$container" >/dev/null\' EXIT\n'
        '"$ENGINE" start --attach "$container"'
    )
    script.raw("rm -rf install ci")
    if plan.catalogue.head.builder == "wheel":
        script.raw(f'"$ENGINE" cp "$container:"{quote(plan.catalogue.head.root)} install\nmkdir -p ci')
    else:
        script.raw(f'"$ENGINE" cp "$container:"{quote(plan.folders.install)} install')
        script.raw(f'"$ENGINE" cp "$container:"{quote(plan.folders.ci)} ci')


def _folders(plan: Plan) -> list[str]:
    """Return the folders of a build that can also happen outside a container.

    The result is put together where it will lie: a virtual environment holds its own place.
    """
    if plan.catalogue.head.builder != "wheel":
        return []
    folders = {
        "SOURCE_DIR": "/workspace/source",
        "BUILD_DIR": "/workspace/build",
        "INSTALL_DIR": plan.catalogue.head.root,
    }
    return [word for name, folder in folders.items() for word in ("--env", f"{name}={folder}")]


def _secret(value: str) -> list[str]:
    """Return the words for a secret: its id and the file; never its value."""
    name, _, file = value.partition("=")
    return ["--secret", f"id={name},src={file}"]


def _words(words: list[str]) -> str:
    return "".join(f"{quote(word)} " for word in words)
