"""``brick_build``: builds this server with the features and bricks that were chosen, and nothing else."""

from trilith.build.files.common import prebuild, start
from trilith.build.files.shell import Script, quote
from trilith.build.model import Plan

# A folder that was named by mistake may hold anything.
_ROOM = r"""
# The result takes the place of what lies there: nothing, or the result of an earlier build.
if [[ -n $(ls -A -- "$INSTALL_DIR") && ! -d $INSTALL_DIR/share/$NAME ]]; then
    echo "$INSTALL_DIR holds files that no build made; set INSTALL_DIR to a folder of its own" >&2
    exit 1
fi
"""

_STAGE = r"""
rm -rf -- "$BUILD_DIR/source"
mkdir -p -- "$BUILD_DIR/source"
# The build folder may lie in the source tree.
left_out+=("--exclude=./$(realpath -m --relative-to="$SOURCE_DIR" -- "$BUILD_DIR")")
tar -C "$SOURCE_DIR" --exclude=./target --exclude=./.git --exclude=./.venv --exclude='*.so' \
    --exclude=__pycache__ "${left_out[@]}" -cf - . | tar -C "$BUILD_DIR/source" -xf -
"""

# Paths of this machine would land in messages of the extension: the result would depend on where it was made.
_BUILD = r"""
if [[ -n $TOOLS ]]; then export PATH="$TOOLS/bin:$PATH"; maturin=("$TOOLS/bin/maturin")
else maturin=("$PYTHON" -m maturin); fi
remap=("--remap-path-prefix=$BUILD_DIR/source=/source")
for home in "${CARGO_HOME:-$HOME/.cargo}" "${CARGO_HOME:+${CARGO_HOME%%/*}/crates}"; do
    [[ -z $home ]] || remap+=("--remap-path-prefix=$home=/crates")
done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; printf '%%s' "${remap[*]}")
export CARGO_ENCODED_RUSTFLAGS
# What is compiled does not depend on when its sources were made: code in C would be compiled anew for that.
SOURCE_DATE_EPOCH=315532800 CARGO_BUILD_JOBS=$PARALLEL \
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$BUILD_DIR/target} "${maturin[@]}" build --locked %s \
    --manifest-path "$BUILD_DIR/source/crates/bridge/Cargo.toml" --out "$BUILD_DIR/wheels" \
    --interpreter "$PYTHON" --no-default-features --features "$features"
"""

# Into a folder beside the result, which takes its place when it is whole. Not a virtual environment: that
# holds paths of the machine that made it, and a Python.
_INSTALL = r"""
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
made=$(sha256sum "$BUILD_DIR"/wheels/*.whl ${WHEELS:+"$WHEELS"/*.whl} | cut -d' ' -f1 | sha256sum)
made+="$version ${requirements[*]} without tests and static libraries"
if [[ -d $INSTALL_DIR/lib && -n $WHEELS && $(cat "$BUILD_DIR/installed" 2>/dev/null) == "$made" ]]; then
    echo "The result in $INSTALL_DIR is up to date"
    mark install
    exit 0
fi
rm -rf -- "$BUILD_DIR/installed" "$INSTALL_DIR.partial"
packages=$INSTALL_DIR.partial/lib/python$version/site-packages
pip=("$PYTHON" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile
    --no-warn-script-location --no-warn-conflicts --target "$packages")
"${pip[@]}" --no-index --no-deps --find-links "$BUILD_DIR/wheels" "$NAME"
# maturin's list of crates holds paths of this machine; the lock names the same crates.
rm -rf -- "${packages:?}/bin" "$packages/$NAME"-*.dist-info/sboms
sed -i '/\.dist-info\/sboms\//d' "$packages/$NAME"-*.dist-info/RECORD
if ((${#requirements[@]})); then
    "${pip[@]}" ${WHEELS:+--no-index --find-links "$WHEELS"} "${requirements[@]}"
fi
rm -rf -- "${packages:?}/bin"
# Tests of what is required, and what only linkers read: no server uses them, and they are a tenth of it.
find "$packages" -path "$packages/$NAME" -prune -o \( -type d -name tests -prune -o -type f -name '*.a' \
    -o -type f -name '*.pc' \) -print0 | xargs -0 --no-run-if-empty rm -rf --
sed -i -e '/\/tests\//d' -e '/\.a,sha256=/d' -e '/\.pc,sha256=/d' "$packages"/*.dist-info/RECORD
"""

_LAUNCH = r"""
mkdir -p -- "$INSTALL_DIR.partial/bin" "$INSTALL_DIR.partial/share/$NAME"
awk -F ' *[=:] *' '/^\[/ { on = $0 == "[console_scripts]"; next } on && NF == 3 { print $1, $2, $3 }' \
    "$packages/$NAME"-*.dist-info/entry_points.txt | while read -r name module function; do
    cat >"$INSTALL_DIR.partial/bin/$name" <<END
#!/bin/sh
# Starts $name from wherever this folder lies, with the system's Python $version.
root=\$(dirname -- "\$(dirname -- "\$(readlink -f -- "\$0")")")
for program in "\${TRILITH_PYTHON:-}" "\$root/bin/python$version" python$version; do
    if [ -n "\$program" ] && command -v -- "\$program" >/dev/null 2>&1; then
        export PYTHONPATH="\$root/lib/python$version/site-packages\${PYTHONPATH:+:\$PYTHONPATH}"
        exec "\$program" -P -c 'import sys; from $module import $function; sys.exit($function())' "\$@"
    fi
done
echo "$name: there is no python$version on this machine; install it, or name one in TRILITH_PYTHON" >&2
exit 1
END
    chmod 755 "$INSTALL_DIR.partial/bin/$name"
done
rm -rf -- "$INSTALL_DIR"
mkdir -p -- "$(dirname -- "$INSTALL_DIR")"
mv -- "$INSTALL_DIR.partial" "$INSTALL_DIR"
printf '%s' "$made" >"$BUILD_DIR/installed"
"""


def brick_build(plan: Plan) -> str:
    """Write the script that builds a wheel with the chosen features and installs it into a folder."""
    folders = {"BUILD_DIR": plan.folders.build, "INSTALL_DIR": plan.folders.install}
    script = start(plan, "Builds the server with the bricks that were chosen.", folders)
    script.comment("The source tree and a Python; for builds without a network, wheels and tools in folders.")
    script.raw(f"SOURCE_DIR=${{SOURCE_DIR:-{quote(plan.folders.source) if plan.folders.source else '$PWD'}}}")
    script.raw("PYTHON=${PYTHON:-python3}\nWHEELS=${WHEELS:-}\nTOOLS=${TOOLS:-}")
    script.run(f"NAME={plan.catalogue.head.name}")
    script.raw(_ROOM)
    prebuild(plan, script)
    _sources(plan, script)
    script.run("mark", "sources")
    script.section("The extension with its features, and the wheel")
    features = {feature for part in plan.parts for feature in part.component.native_features}
    script.run(f"features={','.join(['extension-module', *sorted(features)])}")
    script.raw('rm -rf -- "$BUILD_DIR/wheels"')
    script.raw(_BUILD % ("--profile dev" if plan.build_type.text == "Debug" else "--release"))
    script.run("mark", "extension")
    script.section("The wheel and what the chosen bricks require")
    requirements = sorted({item for part in plan.parts for item in part.component.python_requirements})
    script.raw(f"requirements=({' '.join(quote(item) for item in requirements)})")
    script.raw(_INSTALL)
    script.run("mark", "install")
    script.section("Commands, which find the folder that they lie in")
    script.raw(_LAUNCH)
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
        # An entry point is named by its module: manifests and flags call some kinds differently.
        pattern = f'/ = "{part.folder.replace("/", "[.]")}[:".]/d'
        script.run("sed", "-i", pattern, "@BUILD_DIR@/source/pyproject.toml")
