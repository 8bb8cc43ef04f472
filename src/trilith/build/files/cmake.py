"""``cmake_build``: clones, configures, builds and installs each component."""

from trilith.build.files.common import copies, prebuild, start
from trilith.build.files.functions import CLONE, COMPLETE, COPY
from trilith.build.files.shell import Script
from trilith.build.model import Part, Plan

FROM_ENVIRONMENT = "from_environment"


def cmake_build(plan: Plan) -> str:
    """Write the script that builds everything with CMake, inside a container or outside."""
    folders = {
        "BUILD_DIR": plan.folders.build,
        "INSTALL_DIR": plan.folders.install,
        "CI_DIR": plan.folders.ci,
        "SOURCE_DIR": plan.folders.source,
    }
    if not plan.folders.source:
        del folders["SOURCE_DIR"]
    script = start(plan, "Builds the server and its parts with CMake.", folders)
    script.raw(f"FORCE_CLONE=${{FORCE_CLONE:-{0 if plan.selection.has('no-force-clone') else 1}}}")
    for name, value in plan.catalogue.head.environment.items():
        script.run("export", f"{name}={value}")
    _environment(plan, script)
    script.raw(CLONE + COMPLETE + COPY)
    prebuild(plan, script)
    for part in plan.built:
        _part(plan, part, script)
    if plan.containers:
        _ci(plan, script)
    script.section("Readable for everybody, writable for their owner alone")
    script.run("chmod", "-R", "u+rwX,go+rX,go-w", "@INSTALL_DIR@")
    script.raw('echo "The result is in $INSTALL_DIR"')
    return script.text()


def _environment(plan: Plan, script: Script) -> None:
    names = plan.catalogue.head.from_environment
    script.blank()
    script.comment("CMake variables that are passed on where the environment has them.")
    script.raw(f"{FROM_ENVIRONMENT}=()")
    script.raw(f"for name in {' '.join(names)}; do")
    script.raw(f'    if [[ -n ${{!name:-}} ]]; then {FROM_ENVIRONMENT}+=("-D$name=${{!name}}"); fi')
    script.raw("done")
    script.blank()


def _part(plan: Plan, part: Part, script: Script) -> None:
    component = part.component
    script.section(
        f"{component.kind} '{component.name}': {component.description}",
        f"In this build: {part.reason}. Delete this section to leave it out.",
    )
    for name, value in component.environment.items():
        script.run("export", f"{name}={value}")
    own_source = component.build == "main" and plan.folders.source
    source = "@SOURCE_DIR@" if own_source else f"@BUILD_DIR@/{part.folder}/source"
    script.run("mkdir", "-p", f"@BUILD_DIR@/{part.folder}")
    if not own_source:
        script.run("clone", part.address, part.ref, source, *(["submodules"] if component.submodules else []))
    if component.build != "copy":
        _seeds(plan, part, script)
        _cmake(part, source, script)
    for origin, path, to, optional in copies(plan, component):
        _copy(part, source, (origin, path, f"@INSTALL_DIR@/{to}".rstrip("/"), optional), script)
    for _, library, to in (item for item in plan.copies if item[0] == part.key):
        script.run("copy", str(library.parent), library.name, f"@INSTALL_DIR@/{to}")
    if component.build == "main" and plan.containers and not plan.selection.has("no-container-source"):
        _third_party_sources(part, script)
    script.run("mark", part.key)


def _seeds(plan: Plan, part: Part, script: Script) -> None:
    for seed in plan.seeds:
        if seed.component != part.key:
            continue
        script.comment(
            f"Handed over: its CMake takes what it finds in {seed.folder}, and builds none itself."
        )
        place = f"@BUILD_DIR@/{part.folder}/build/{seed.folder}"
        script.run("copy", str(seed.headers), "*", f"{place}/include")
        for library in seed.libraries:
            script.run("copy", str(library.parent), library.name, f"{place}/lib")
        for name, target in seed.links.items():
            script.run("ln", "-sfn", target, f"{place}/lib/{name}")


def _cmake(part: Part, source: str, script: Script) -> None:
    below = f"{source}/{part.component.cmake_folder}" if part.component.cmake_folder else source
    build = f"@BUILD_DIR@/{part.folder}/build"
    script.run("complete", build)
    lines = ["cmake", "-S", below, "-B", build, *(str(define) for define in part.defines)]
    quoted = Script("", [], trace=False)
    quoted.run(*lines)
    command = quoted.text().rstrip("\n").partition("set -euo pipefail\n")[2]
    script.raw(f'{command} \\\n    "${{{FROM_ENVIRONMENT}[@]}}"')
    script.run(
        "cmake",
        "--build",
        build,
        "--config",
        part.build_type,
        "--parallel",
        "@PARALLEL@",
        "--target",
        "install",
    )


def _copy(part: Part, source: str, item: tuple[str, str, str, bool], script: Script) -> None:
    origin, path, target, optional = item
    folder = source if origin == "source" else f"@BUILD_DIR@/{part.folder}/{origin}"
    words = [path, target, *(["optional"] if optional else [])]
    script.run("copy_found" if origin == "build" else "copy", folder, *words)


def _third_party_sources(part: Part, script: Script) -> None:
    build = f"@BUILD_DIR@/{part.folder}/build"
    script.comment(
        "Sources of third-party libraries, as their licences ask (--no-container-source leaves them out)."
    )
    script.run("mkdir", "-p", "@INSTALL_DIR@/third-party-src")
    script.run("tar", "-czf", "@INSTALL_DIR@/third-party-src/src.tar.gz", "-C", build, "third-party-src")


def _ci(plan: Plan, script: Script) -> None:
    script.section("What tests of the image need")
    script.run("mkdir", "-p", "@CI_DIR@")
    for part in plan.built:
        own_source = part.component.build == "main" and plan.folders.source
        source = "@SOURCE_DIR@" if own_source else f"@BUILD_DIR@/{part.folder}/source"
        for origin, path, to, optional in copies(plan, part.component, ci=True):
            _copy(part, source, (origin, path, f"@CI_DIR@/{to}".rstrip("/"), optional), script)
