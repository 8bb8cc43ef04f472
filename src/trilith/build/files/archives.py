"""Sends what CMake downloads through the rules for archives, in scripts that take sources as they are found.

CMake knows no rules for addresses, and what it will download shows when it runs. So each CMake file that git
puts into a work tree gets lines before the commands that download, by a filter of the build's own
configuration: they apply the rules to whatever the address turns out to be. Git sees no change, and CMake
checks the hashes that sources name.
"""

import inspect

from trilith.build.cmake import parsing, places
from trilith.build.files.shell import Script
from trilith.build.mirrors import Mirrors

ARCHIVES = "TRILITH_ARCHIVES"
"""Variable of the environment that names the folder where CMake finds what looks addresses up."""
_FILTER = "trilith-rules"
_LINES = f"""\
set({places.VARIABLE} {places.WORDS})
include("$ENV{{{ARCHIVES}}}/rules.cmake" OPTIONAL)
if(COMMAND trilith_rules)
trilith_rules({places.VARIABLE})
endif()
"""
_MAIN = f'''

if __name__ == "__main__":
    import sys

    given = sys.stdin.buffer.read().decode(errors="surrogateescape")
    made = looked_up(given, """{_LINES}""", every=True)
    sys.stdout.buffer.write(made.encode(errors="surrogateescape"))
'''
_FILTER_SCRIPT = r"""
#!/bin/sh
# filter smudge|clean: gives the CMake file that is read lines that apply the rules, or takes them out again.
set -eu
folder=$(dirname -- "$0")
given=$(mktemp)
trap 'rm -f -- "$given" "$given.made"' EXIT
cat >"$given"
if [ "$1" = clean ]; then
    before=$folder/before/$(git hash-object --stdin <"$given")
    if [ -f "$before" ]; then cat "$before"; else cat "$given"; fi
elif grep -qE 'URL|DOWNLOAD' "$given"; then
    "${PYTHON:-python3}" "$folder/rewrite.py" <"$given" >"$given.made"
    made=$(git hash-object --stdin <"$given.made")
    if [ "$made" != "$(git hash-object --stdin <"$given")" ]; then
        cp -- "$given" "$folder/before/$made.$$"
        mv -- "$folder/before/$made.$$" "$folder/before/$made"
    fi
    cat "$given.made"
else
    cat "$given"
fi
"""


def archive_rules(mirrors: Mirrors, script: Script) -> None:
    """Write what applies the rules for archives, and tell git of it."""
    script.section(
        "What CMake downloads goes through the rules for archives: CMake files get lines that look addresses",
        "up where git puts them. What other programs download, or files inside an archive, is not reached.",
    )
    script.raw(f"export {ARCHIVES}=$BUILD_DIR/archives")
    script.raw(f'mkdir -p -- "${ARCHIVES}/before"')
    for name, text in (
        ("rules.cmake", rules(mirrors)),
        ("rewrite.py", _rewrite()),
        ("filter", _FILTER_SCRIPT.lstrip()),
        ("attributes", "".join(f"{path} filter={_FILTER}\n" for path in ("CMakeLists.txt", "*.cmake"))),
    ):
        script.raw(f"cat >\"${ARCHIVES}/{name}\" <<'END_OF_FILE'\n{text}END_OF_FILE")
    script.raw('told() { git config --file "$git_configuration" "$@"; }')
    script.raw(f'told core.attributesFile "${ARCHIVES}/attributes"')
    script.raw(f"told filter.{_FILTER}.required true")
    for way in ("smudge", "clean"):
        # The shell that git starts it with knows the folder, whatever it is called.
        script.raw(f"told filter.{_FILTER}.{way} 'sh \"${ARCHIVES}/filter\" {way}'")


def rules(mirrors: Mirrors) -> str:
    """Return a CMake file with a function that sends addresses through the rules; the longest counts."""
    lines = [
        "# Sends the addresses in a variable where the rules say; others stay.",
        "function(trilith_rules variable)",
        '  set(found "")',
        "  foreach(address IN LISTS ${variable})",
        '    set(sent "")',
    ]
    of = mirrors.of("archives")
    for prefix in sorted(of, key=len, reverse=True):
        target = f"file://{of[prefix]}" if of[prefix].startswith("/") else of[prefix]
        lines += [
            f'    string(FIND "${{address}}" "{in_cmake(prefix)}" place)',
            "    if(place EQUAL 0 AND NOT sent)",
            f'      string(LENGTH "{in_cmake(prefix)}" length)',
            '      string(SUBSTRING "${address}" ${length} -1 rest)',
            f'      set(sent "{in_cmake(target)}${{rest}}")',
            "    endif()",
        ]
    lines += [
        '    if("${sent}" MATCHES "^file://")',
        "      # CMake takes no file among several addresses.",
        '      set(${variable} "${sent}" PARENT_SCOPE)',
        "      return()",
        "    endif()",
        "    if(sent)",
        '      set(address "${sent}")',
        "    endif()",
        '    list(APPEND found "${address}")',
        "  endforeach()",
        '  set(${variable} "${found}" PARENT_SCOPE)',
        "endfunction()",
    ]
    return "\n".join(lines) + "\n"


def in_cmake(text: str) -> str:
    """Return a text as it stands between quotes in CMake."""
    return "".join(f"\\{letter}" if letter in '\\"$' else letter for letter in text)


def _rewrite() -> str:
    """Return a program that stands alone: two modules of this package, and what runs them."""
    modules = "".join(inspect.getsource(module) for module in (parsing, places))
    lines = [line for line in modules.splitlines(keepends=True) if not line.startswith("from trilith")]
    # Whatever Python 3 a machine that builds has.
    return "".join(["from __future__ import annotations\n\n", *lines, _MAIN])
