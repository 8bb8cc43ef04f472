"""The places of a CMake file where addresses of archives stand, and what looks them up while CMake runs.

It needs nothing but `parsing`, and goes into scripts together with it.
"""

from trilith.build.cmake.parsing import Command, Word, commands

PROJECTS = ("externalproject_add", "fetchcontent_declare", "fetchcontent_populate")
# Words of ExternalProject and FetchContent that others stand behind; whatever else is a value.
KEYS = frozenset(
    """
    URL URL_HASH URL_MD5 DOWNLOAD_NAME GIT_REPOSITORY GIT_TAG GIT_SHALLOW GIT_SUBMODULES
    GIT_PROGRESS GIT_REMOTE_NAME GIT_SUBMODULES_RECURSE GIT_CONFIG GIT_REMOTE_UPDATE_STRATEGY
    SOURCE_DIR BINARY_DIR SOURCE_SUBDIR PREFIX TMP_DIR STAMP_DIR LOG_DIR DOWNLOAD_DIR INSTALL_DIR
    CMAKE_ARGS CMAKE_CACHE_ARGS CMAKE_CACHE_DEFAULT_ARGS CMAKE_COMMAND CMAKE_GENERATOR
    DOWNLOAD_COMMAND UPDATE_COMMAND PATCH_COMMAND CONFIGURE_COMMAND BUILD_COMMAND INSTALL_COMMAND
    TEST_COMMAND COMMAND DEPENDS EXCLUDE_FROM_ALL BUILD_ALWAYS BUILD_IN_SOURCE BUILD_BYPRODUCTS
    INSTALL_BYPRODUCTS STEP_TARGETS LIST_SEPARATOR DOWNLOAD_NO_EXTRACT DOWNLOAD_NO_PROGRESS
    DOWNLOAD_EXTRACT_TIMESTAMP UPDATE_DISCONNECTED TIMEOUT INACTIVITY_TIMEOUT HTTP_USERNAME
    HTTP_PASSWORD HTTP_HEADER TLS_VERIFY TLS_CAINFO SVN_REPOSITORY SVN_REVISION HG_REPOSITORY HG_TAG
    CVS_REPOSITORY LOG_DOWNLOAD LOG_UPDATE LOG_CONFIGURE LOG_BUILD LOG_INSTALL LOG_PATCH
    LOG_OUTPUT_ON_FAILURE USES_TERMINAL_DOWNLOAD USES_TERMINAL_BUILD FIND_PACKAGE_ARGS
    OVERRIDE_FIND_PACKAGE SYSTEM QUIET
    """.split()  # noqa: SIM905  a list of them would be a page long
)
VARIABLE, WORDS = "@VARIABLE@", "@WORDS@"


def looked_up(text: str, lines: str, *, every: bool) -> str:
    """Return a CMake file with lines before each command that downloads archives, and a variable in it.

    Args:
        text: of the file.
        lines: they set ``@VARIABLE@``, and know what stood in its place as ``@WORDS@``.
        every: whether addresses that are written out are looked up too, not only those put together.
    """
    pieces, place = [], 0
    for number, (start, first, last) in enumerate(address_places(text, every=every)):
        variable = f"TRILITH_ADDRESSES_{number}"
        before = lines.replace(VARIABLE, variable).replace(WORDS, text[first:last])
        pieces.append(f"{text[place:start]}{before}{text[start:first]}${{{variable}}}")
        place = last
    return "".join([*pieces, text[place:]])


def address_places(text: str, *, every: bool) -> list[tuple[int, int, int]]:
    """Return the places of a CMake file where addresses of archives are put together, or several stand.

    Args:
        text: of the file.
        every: whether a single one that is written out counts too.

    Returns:
        for each, where its command begins, and where its words begin and end.
    """
    found = []
    for command in commands(text):
        words = _written(command)
        if len(words) > 1 or any(every or "${" in word.text for word in words):
            found.append((command.start, words[0].start, words[-1].end))
    return found


def _written(command: Command) -> list[Word]:
    """Return the words in which a command names archives, before anything is known of them."""
    if command.name == "file":
        texts = [word.text for word in command.words]
        return list(command.words[1:2]) if texts[:1] == ["DOWNLOAD"] else []
    if command.name not in PROJECTS:
        return []
    found: list[Word] = []
    key = ""
    for word in command.words[1:]:
        if word.text in KEYS and not word.kind:
            key = word.text
        elif key == "URL":
            found.append(word)
    return found
