"""``docker_build``: builds in a container and puts the images together.

No name is fixed but the one that the result is tagged with at the end: builds of different plans on one
machine do not meet.
"""

from trilith.build.files.bundled import BUNDLE
from trilith.build.files.common import header
from trilith.build.files.shell import Script, quote
from trilith.build.model import Plan

_DIGEST = 12
_ENGINE = r"""
# The first of these that is there, or another that takes docker's words.
ENGINE=${ENGINE:-}
for name in docker podman buildah; do
    if [[ -z $ENGINE ]] && command -v "$name" >/dev/null; then ENGINE=$name; fi
done
if [[ -z $ENGINE ]]; then
    echo "error: there is no docker, podman or buildah here; install one, or name one in ENGINE" >&2
    exit 1
fi
"""
_PROXIES = r"""
# Proxies of this environment are passed on by name: the engine keeps them out of the image, and what
# they hold does not show in a log.
options=() network=() pull=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [[ -n ${!name:-} ]]; then options+=(--build-arg "$name"); fi
done
"""
_NO_NETWORK = r"""
# Everything lies beside this script: nothing that runs in a container has a network. An isolation by chroot
# knows none of its own; there, 'unshare --net' around this script cuts it off.
network=(--network none)
if [[ ${BUILDAH_ISOLATION:-} == chroot ]]; then network=(); fi
options=("${network[@]}") pull=()
if [[ ${ENGINE##*/} != docker ]]; then pull=(--pull=never); fi
"""
_FUNCTIONS = r"""
# Docker and podman take the same words, buildah some of its own.
build_image() {
    local verb=build format=()
    if [[ ${ENGINE##*/} == buildah ]]; then verb=bud; fi
    # Images of the OCI format hold no health check.
    if [[ ${ENGINE##*/} != docker ]]; then format=(--format docker); fi
    "$ENGINE" "$verb" "${format[@]}" "${pull[@]}" "${options[@]}" "$@"
}

# run_container SCRIPT [words]: runs it on the machine that builds, and leaves the container in $container.
run_container() {
    local script=$1 image=$IMAGE-buildbase:$PLAN
    shift
    if [[ ${ENGINE##*/} == buildah ]]; then
        container=$("$ENGINE" from "${pull[@]}" "${memory[@]}" "$image")
        trap '"$ENGINE" rm "$container" >/dev/null' EXIT
        "$ENGINE" run "${network[@]}" --workingdir /workspace "$@" "$container" "$script"
    else
        container=$("$ENGINE" create "${network[@]}" "${memory[@]}" --workdir /workspace "$@" \
            "$image" "$script")
        trap '"$ENGINE" rm --force "$container" >/dev/null' EXIT
        # A signal reaches a shell that waits, which then removes the container; that would not hear it.
        "$ENGINE" start --attach "$container" &
        wait $!
    fi
}

# copy_out FOLDER TARGET: copies a folder of that container to a new one here.
copy_out() {
    if [[ ${ENGINE##*/} == buildah ]]; then
        mkdir -p -- "$2"
        # What it writes to its output may be cut off: it copies into a folder of this machine instead.
        "$ENGINE" run "${network[@]}" --volume "$PWD/$2:/copied" "$container" \
            cp -RP --preserve=mode,links "$1/." /copied
    else
        "$ENGINE" cp "$container:$1" "$2"
    fi
}
"""


def docker_build(plan: Plan, script_name: str, *, bundled: bool = False) -> str:
    """Write the script that drives the container engine; from a bundle, without a network."""
    head = plan.catalogue.head
    script = Script(
        "Builds the images with a container engine.", header(plan), trace=plan.selection.has("verbose")
    )
    script.blank()
    script.raw(_ENGINE)
    script.raw(f"IMAGE=${{IMAGE:-{head.image_name}}}")
    script.raw(f"PLAN={plan.digest[:_DIGEST]}")
    script.raw("# 'build' ends with the folder 'install', 'image' goes on from there.\nSTEP=${1:-all}")
    if head.builder == "wheel" and not bundled:
        script.raw("# The source tree of the server.\nSOURCE_DIR=${SOURCE_DIR:-$PWD}")
    script.raw('cd -- "$(dirname -- "${BASH_SOURCE[0]}")"')
    script.blank()
    if bundled:
        script.raw(_NO_NETWORK)
    else:
        script.raw(_PROXIES)
    script.raw(_FUNCTIONS)
    script.blank()
    script.raw("if [[ $STEP != image ]]; then")
    _base(plan, script, bundled=bundled)
    _container(plan, script, script_name, bundled=bundled)
    script.raw("fi")
    script.section("The image that runs, and the one that tests it")
    script.raw("if [[ $STEP == build ]]; then exit 0; fi")
    secrets = [word for choice in plan.selection.all("build-secret") for word in _secret(choice.value)]
    script.raw(f'build_image {_words(secrets)}--tag "$IMAGE:$PLAN" --file Dockerfile .')
    script.raw(
        'build_image --build-arg BASE_IMAGE="$IMAGE:$PLAN" --tag "$IMAGE-cibase:$PLAN" \\\n'
        "    --file Dockerfile.cibase ."
    )
    script.raw('"$ENGINE" tag "$IMAGE:$PLAN" "$IMAGE:latest"')
    script.raw('echo "The image is $IMAGE:$PLAN"')
    return script.text()


def _base(plan: Plan, script: Script, *, bundled: bool) -> None:
    script.section("The machine that builds")
    pull = "" if bundled or plan.selection.has("no-container-pull") else "--pull "
    wheel = plan.catalogue.head.builder == "wheel"
    source = '--build-context source="$SOURCE_DIR" ' if wheel and not bundled else ""
    script.raw(f'build_image {pull}{source}--tag "$IMAGE-buildbase:$PLAN" --file Dockerfile.buildbase .')


def _container(plan: Plan, script: Script, script_name: str, *, bundled: bool) -> None:
    script.section("The build, in a container of its own; what it made is copied out")
    words: list[str] = []
    if any("containers of its own" in note for note in plan.notes):
        script.comment("Some parts start containers of their own, so that they need the engine's socket.")
        words += ["--volume", "/var/run/docker.sock:/var/run/docker.sock"]
    words += _folders(plan, bundled=bundled)
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
    memory = plan.selection.text("container-memory")
    script.raw(f"memory=({_words(['--memory', memory] if memory else []).rstrip()})")
    script.raw(f"run_container ./{script_name} {_words(words)}".rstrip())
    script.raw("rm -rf install ci")
    if plan.catalogue.head.builder == "wheel":
        script.raw(f"copy_out {quote(plan.catalogue.head.root)} install\nmkdir -p ci")
    else:
        script.raw(f"copy_out {quote(plan.folders.install)} install")
        script.raw(f"copy_out {quote(plan.folders.ci)} ci")


def _folders(plan: Plan, *, bundled: bool) -> list[str]:
    """Return the folders of a build that can also happen outside a container.

    The result is put together where it will lie: a virtual environment holds its own place.
    """
    if plan.catalogue.head.builder != "wheel":
        return []
    folders = {
        "SOURCE_DIR": f"{BUNDLE}/source" if bundled else "/workspace/source",
        "BUILD_DIR": "/workspace/build",
        "INSTALL_DIR": plan.catalogue.head.root,
    }
    if bundled:
        folders |= {"WHEELS": f"{BUNDLE}/wheels-run", "TOOLS": f"{BUNDLE}/tools"}
    return [word for name, folder in folders.items() for word in ("--env", f"{name}={folder}")]


def _secret(value: str) -> list[str]:
    """Return the words for a secret: its id and the file; never its value."""
    name, _, file = value.partition("=")
    return ["--secret", f"id={name},src={file}"]


def _words(words: list[str]) -> str:
    return "".join(f"{quote(word)} " for word in words)
