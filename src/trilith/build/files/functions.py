"""Shell functions that the scripts are written with."""

CLONE = r"""
# files FOLDER: the hash and the path of each file below it that is not git's own.
files() {
    (cd -- "$1" && find . -name .git -prune -o -type f -print0 |
        xargs -0 -r sha256sum -z -- | LC_ALL=C sort -z)
}

# keep_times BEFORE NOW: gives each file of NOW that BEFORE had too the time that it had there: what compiles
# looks at times alone, and does again what comes from files that changed.
keep_times() {
    LC_ALL=C comm -z -12 <(files "$1") <(files "$2") | cut -z -b 67- |
        (cd -- "$1" && xargs -0 -r cp --attributes-only --preserve=timestamps --parents -t "$2" --)
    git -C "$2" status --porcelain >/dev/null # git compares times too
}

# clone ADDRESS REF FOLDER [submodules]: a shallow clone of a branch, a tag, a commit or pull/N/head. It
# appears under its name when it is whole, so that an interrupted run leaves nothing half done.
clone() {
    local address=$1 ref=$2 folder=$3 submodules=${4:-}
    if [[ $FORCE_CLONE != 1 && -e $folder/.git ]]; then
        echo "Keeping $folder"
        return
    fi
    rm -rf -- "$folder.partial"
    git init --quiet -- "$folder.partial"
    git -C "$folder.partial" remote add origin "$address"
    git -C "$folder.partial" fetch --quiet --depth 1 origin "$ref"
    git -C "$folder.partial" -c advice.detachedHead=false checkout --quiet FETCH_HEAD
    if [[ -n $submodules ]]; then
        git -C "$folder.partial" submodule --quiet update --init --recursive --depth 1
    fi
    local commit
    commit=$(git -C "$folder.partial" rev-parse HEAD)
    printf '%s %s %s\n' "$commit" "$ref" "$address" >>"$BUILD_DIR/commits.txt"
    if [[ -d $folder ]]; then keep_times "$folder" "$folder.partial"; fi
    rm -rf -- "$folder"
    mv -- "$folder.partial" "$folder"
}
"""

COMPLETE = r"""
# complete FOLDER: brings back submodules that went missing from what CMake cloned below FOLDER before. CMake
# itself looks at the commit of a clone alone.
complete() {
    local file
    [[ -d $1 ]] || return 0
    while IFS= read -r -d '' file; do
        if [[ -e ${file%/*}/.git ]]; then
            git -C "${file%/*}" submodule --quiet update --recursive
        fi
    done < <(find "$1" -name .gitmodules -print0)
}
"""

COPY = r"""
# copy FOLDER PATTERN TARGET [optional]: copies what matches below FOLDER into TARGET, replacing what is
# there.
copy() {
    local folder=$1 pattern=$2 target=$3 optional=${4:-} item IFS=
    local -a found=()
    for item in "$folder"/$pattern; do
        [[ -e $item ]] && found+=("$item")
    done
    if ((${#found[@]} == 0)); then
        [[ -n $optional ]] && return
        echo "error: nothing matches $folder/$pattern" >&2
        return 1
    fi
    mkdir -p -- "$target"
    for item in "${found[@]}"; do
        rm -rf -- "${target:?}/${item##*/}"
        cp -R -- "$item" "$target/"
    done
}

# copy_found FOLDER PATTERN TARGET [optional]: the same for files anywhere below FOLDER.
copy_found() {
    local folder=$1 pattern=$2 target=$3 optional=${4:-} item
    local -i count=0
    while IFS= read -r -d '' item; do
        copy "${item%/*}" "${item##*/}" "$target"
        count+=1
    done < <(find "$folder" -type f -name "$pattern" -print0)
    if ((count == 0)) && [[ -z $optional ]]; then
        echo "error: no file below $folder matches $pattern" >&2
        return 1
    fi
}
"""

MARK = r"""
# mark NAME: writes down when a part was done, and how long the processors had worked by then.
mark() {
    local -a told
    read -r -a told </proc/$$/stat
    local -i spent=$((told[13] + told[14] + told[15] + told[16]))
    printf '%s %d.%02d %s\n' "${EPOCHREALTIME/,/.}" $((spent / 100)) $((spent % 100)) "$1" \
        >>"$BUILD_DIR/times"
}
rm -f -- "$BUILD_DIR/times"
mark start
"""
