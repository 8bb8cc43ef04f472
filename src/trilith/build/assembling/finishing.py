"""Writes into a result what it is made of."""

from pathlib import Path

from trilith.build.locking.model import Lock
from trilith.build.locking.text import digest_of, to_text
from trilith.build.locking.wheels import normal
from trilith.build.model import Plan
from trilith.build.result import (
    LOCK,
    PLAN,
    ResultManifest,
    describe_plan,
    scan,
    site_packages,
    write_manifest,
    write_text,
)


def finish(plan: Plan, lock: Lock, root: Path) -> ResultManifest:
    """Write plan, lock and manifest into a result."""
    version = lock.target.get("interpreter", "") if plan.catalogue.head.builder == "wheel" else ""
    write_text(root / PLAN, describe_plan(plan))
    write_text(root / LOCK, to_text(lock))
    owners = _owners(plan, lock, root, version) if version else _installed(plan)
    main = plan.catalogue.head.main
    manifest = ResultManifest(
        catalogue=plan.catalogue.head.name,
        version=plan.version.text,
        plan=plan.digest,
        lock=digest_of(lock),
        source_date_epoch=lock.source_date_epoch,
        python_version=version,
        bricks=tuple(part.key for part in plan.parts),
        files=tuple(scan(root, owners, main)),
    )
    write_manifest(root, manifest)
    return manifest


def _owners(plan: Plan, lock: Lock, root: Path, version: str) -> dict[str, tuple[str, str]]:
    """Return who brought what: bricks their folders, distributions the files that they list."""
    packages = site_packages(root, version)
    below = packages.relative_to(root).as_posix()
    keys = [part.key for part in plan.parts]
    owners: dict[str, tuple[str, str]] = {}
    for item in lock.wheel:
        # What several bricks need belongs to the first of them in the plan: what others are built on.
        needing = sorted(item.needed_by, key=lambda key: keys.index(key) if key in keys else len(keys))
        if item.use == "run":
            owners |= dict.fromkeys(_listed(packages, below, item.name), (next(iter(needing), ""), item.name))
    for path in _listed(packages, below, normal(plan.catalogue.head.name)):
        owners[path] = (plan.catalogue.head.main, plan.catalogue.head.name)
    for part in plan.parts:
        if part.component.folder:
            folder = f"{below}/{part.component.folder}/"
            inside = [path for path in owners if path.startswith(folder)]
            owners |= dict.fromkeys([folder, *inside], (part.key, plan.catalogue.head.name))
    return owners


def _listed(packages: Path, below: str, name: str) -> list[str]:
    """Return what a distribution's RECORD lists, as paths of the result."""
    for record in packages.glob("*.dist-info/RECORD"):
        if normal(record.parent.name.removesuffix(".dist-info").rpartition("-")[0]) == name:
            lines = record.read_text(encoding="utf-8").splitlines()
            return [f"{below}/{line.rsplit(',', 2)[0].strip(chr(34))}" for line in lines]
    return []


def _installed(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return who brought what, by the folders that components are copied to."""
    return {
        f"{copy.to}/{part.component.name}/": (part.key, "")
        for part in plan.built
        for copy in part.component.install
        if copy.to
    }
