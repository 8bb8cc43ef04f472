"""``brick_build``: builds this server with the features and bricks that were chosen, and nothing else."""

from trilith.build.files.common import start
from trilith.build.files.shell import Script, quote
from trilith.build.model import Plan

_STAGE = r"""
rm -rf -- "$BUILD_DIR/source"
mkdir -p -- "$BUILD_DIR/source"
# The build folder may lie in the source tree.
left_out+=("--exclude=./$(realpath -m --relative-to="$SOURCE_DIR" -- "$BUILD_DIR")")
tar -C "$SOURCE_DIR" --exclude=./target --exclude=./.git --exclude=./.venv --exclude='*.so' \
    --exclude=__pycache__ "${left_out[@]}" -cf - . | tar -C "$BUILD_DIR/source" -xf -
"""

_BUILD = r"""
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$BUILD_DIR/target} "$PYTHON" -m maturin build --locked %s \
    --manifest-path "$BUILD_DIR/source/crates/bridge/Cargo.toml" --out "$BUILD_DIR/wheels" \
    --no-default-features --features "$features"
"""

_INSTALL = r"""
rm -rf -- "$INSTALL_DIR"
"$PYTHON" -m venv --copies "$INSTALL_DIR"
"$INSTALL_DIR/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
    ${WHEELS:+--no-index --find-links "$WHEELS"} "$BUILD_DIR"/wheels/trilith-*.whl "${requirements[@]}"
"$INSTALL_DIR/bin/python" -m pip uninstall --quiet --yes setuptools pip >/dev/null 2>&1 || true
"""


def brick_build(plan: Plan) -> str:
    """Write the script that builds a wheel with the chosen features and installs it into a folder."""
    folders = {"BUILD_DIR": plan.folders.build, "INSTALL_DIR": plan.folders.install}
    script = start(plan, "Builds the server with the bricks that were chosen.", folders)
    script.comment("The source tree, a Python, and, for builds without a network, a folder of wheels.")
    script.raw(f"SOURCE_DIR=${{SOURCE_DIR:-{quote(plan.folders.source) if plan.folders.source else '$PWD'}}}")
    script.raw("PYTHON=${PYTHON:-python3}\nWHEELS=${WHEELS:-}")
    _sources(plan, script)
    script.section("The extension with its features, and the wheel")
    features = {feature for part in plan.parts for feature in part.component.native_features}
    script.run(f"features={','.join(['extension-module', *sorted(features)])}")
    script.raw('rm -rf -- "$BUILD_DIR/wheels"')
    script.raw(_BUILD % ("--profile dev" if plan.build_type.text == "Debug" else "--release"))
    script.section("The wheel and what the chosen bricks require")
    requirements = sorted({item for part in plan.parts for item in part.component.python_requirements})
    script.raw(f"requirements=({' '.join(quote(item) for item in requirements)})")
    script.raw(_INSTALL)
    script.raw('echo "The result is in $INSTALL_DIR"')
    return script.text()


def _sources(plan: Plan, script: Script) -> None:
    """Copy the sources without what was not chosen: no file of such a brick is left, and no entry point."""
    chosen = {part.key for part in plan.parts}
    out = [part for key, part in plan.catalogue.components.items() if key not in chosen and part.folder]
    script.section("Sources without the bricks that were not chosen")
    script.raw("left_out=(")
    for part in out:
        script.raw(f"    {quote(f'--exclude=./src/{part.folder}')}")
    script.raw(")")
    script.raw(_STAGE)
    for part in out:
        pattern = f'/^"{part.kind}\\.{part.name}" = /d'
        script.run("sed", "-i", pattern, "@BUILD_DIR@/source/pyproject.toml")
