#!/bin/sh
# Looks for what set-up cannot bring by itself, before anything is downloaded or built, and names whatever is
# missing in one sentence with the way to get it.
#
#   check_machine.sh build    what building and serving need; prints the Python interpreter to use
#   check_machine.sh checks   what the checks need besides
set -eu

missing=0

need() {
    echo "$1" >&2
    missing=1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

# True where cargo is 1.88 or later, the version that Cargo.toml asks for.
cargo_is_recent() {
    version=$(cargo --version 2>/dev/null | cut -d ' ' -f 2)
    major=${version%%.*}
    rest=${version#*.}
    minor=${rest%%.*}
    case "$major$minor" in '' | *[!0-9]*) return 1 ;; esac
    [ "$major" -gt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -ge 88 ]; }
}

check_build() {
    python=$(find_python)
    if [ -z "$python" ]; then
        need "Python 3.11 or later is missing: install it (Debian: apt-get install python3 python3-venv), or name one with 'make PYTHON=/path/to/python3'."
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        need "The venv module of $python is missing: install it (Debian: apt-get install python3-venv)."
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        need "Rust is missing: install 1.88 or later with rustup (https://rustup.rs), then run make again."
    elif ! cargo_is_recent; then
        need "Rust 1.88 or later is needed and this is $(cargo --version 2>&1 | head -n 1): bring it up to date with 'rustup update stable'."
    fi
    if ! command -v cc >/dev/null 2>&1; then
        need "A C linker (cc) is missing, which Rust links with: install one (Debian: apt-get install gcc libc6-dev)."
    fi
    [ "$missing" -eq 1 ] || echo "$python"
}

check_checks() {
    if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
        need "The checks need clippy and rustfmt: install them with 'rustup component add clippy rustfmt'."
    fi
    if ! command -v git >/dev/null 2>&1; then
        need "The checks need git, which names the files they look at: install it (Debian: apt-get install git)."
    fi
}

case "${1:-}" in
    build) check_build ;;
    checks) check_checks ;;
    *) need "usage: check_machine.sh build|checks" ;;
esac
exit "$missing"
