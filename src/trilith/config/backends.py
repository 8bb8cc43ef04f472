"""Which backend runs a model."""

from collections.abc import Sequence
from pathlib import Path

from trilith.config.draft import Draft
from trilith.config.findings import Findings
from trilith.config.spelling import listing, suggest
from trilith.contract import BrickKind, Manifest


def choose_backend(draft: Draft, version_directory: Path, manifests: Sequence[Manifest]) -> str:
    """Return the name of the backend that a draft asks for, or that the model's files give away.

    Looked at in this order: the fields ``backend``, ``platform`` and ``default_model_filename``, the files in
    the folder of the version, the end of a model's name such as ``anything.identity``.

    Args:
        draft: what was written.
        version_directory: of any version; need not exist.
        manifests: of the bricks that are installed.

    Raises:
        ConfigurationError: no installed backend fits; says what was looked for.
    """
    installed = sorted(
        (manifest for manifest in manifests if manifest.kind is BrickKind.BACKEND),
        key=lambda manifest: manifest.name,
    )
    findings = Findings(draft)
    found = (
        _by_backend(draft, installed, findings)
        or _by_platform(draft, installed, findings)
        or _by_filename(draft, version_directory, installed)
        or _by_model_name(draft, installed)
    )
    if not found and not len(findings):
        _add_nothing_found(draft, version_directory, installed, findings)
    findings.raise_if_any()
    return found


def _installed(manifests: Sequence[Manifest]) -> str:
    return f"installed backends: {listing(manifest.name for manifest in manifests)}"


def _by_backend(draft: Draft, installed: Sequence[Manifest], findings: Findings) -> str:
    name = str(draft.document.get("backend", ""))
    if not name:
        return ""
    manifest = next((manifest for manifest in installed if manifest.name == name), None)
    if manifest is None:
        advice = suggest(name, [manifest.name for manifest in installed])
        findings.add("backend", f"no backend '{name}' is installed; {_installed(installed)}", advice)
        return ""
    platform, platforms = draft.document.get("platform", ""), manifest.config_platforms
    if platform and platforms and platform not in platforms:
        message = f"'{platform}' does not go with backend '{name}', which takes {listing(platforms)}"
        findings.add("platform", message, "remove the platform: the backend says it all")
    return name


def _by_platform(draft: Draft, installed: Sequence[Manifest], findings: Findings) -> str:
    platform = str(draft.document.get("platform", ""))
    if not platform or len(findings):
        return ""
    known = {name: manifest.name for manifest in installed for name in manifest.config_platforms}
    if platform not in known:
        message = f"no installed backend takes platform '{platform}'; platforms: {listing(sorted(known))}"
        findings.add("platform", f"{message}; {_installed(installed)}", suggest(platform, known))
    return known.get(platform, "")


def _by_filename(draft: Draft, version_directory: Path, installed: Sequence[Manifest]) -> str:
    if draft.document.get("backend") or draft.document.get("platform"):
        return ""
    written = draft.document.get("default_model_filename")
    for manifest in installed:
        if not manifest.default_filename:
            continue
        if written == manifest.default_filename:
            return manifest.name
        if not written and (version_directory / manifest.default_filename).exists():
            return manifest.name
    return ""


def _by_model_name(draft: Draft, installed: Sequence[Manifest]) -> str:
    if any(draft.document.get(field) for field in ("backend", "platform", "default_model_filename")):
        return ""
    ending = draft.name.partition(".")[2]
    return next((manifest.name for manifest in installed if manifest.name == ending), "")


def _add_nothing_found(
    draft: Draft, version_directory: Path, installed: Sequence[Manifest], findings: Findings
) -> None:
    files = listing(
        f"{manifest.default_filename} ({manifest.name})"
        for manifest in installed
        if manifest.default_filename
    )
    written = draft.document.get("default_model_filename")
    if written:
        message = f"'{written}' does not tell the backend; these do: {files}"
    else:
        message = (
            "neither 'backend' nor 'platform' is written, and "
            f"'{version_directory}' holds no file that tells the backend: {files}"
        )
    findings.add(
        "default_model_filename" if written else "",
        f"{message}; {_installed(installed)}",
        'write backend: "NAME"',
    )
