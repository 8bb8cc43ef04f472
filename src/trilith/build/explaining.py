"""What is known of a component, a library, a preset, a setting or a whole catalogue, as text for people."""

from collections.abc import Iterable, Iterator, Mapping

from trilith.build.catalogue.schema import Catalogue, Component, ThirdParty
from trilith.build.selection import FEATURES, NAMED_KINDS


def explain(catalogue: Catalogue, name: str) -> str:
    """Say everything that is known of what is called ``name``; empty if there is nothing."""
    plain = name.removeprefix("--")
    return "\n".join(
        [
            *(
                _part(catalogue, part)
                for part in catalogue.components.values()
                if name in (part.key, part.name)
            ),
            *(
                _third(catalogue, part)
                for part in catalogue.third_party.values()
                if name in (part.key, part.name)
            ),
            *(_preset(one, told) for one, told in catalogue.presets.items() if one == name),
            *(_setting(catalogue, one) for one in catalogue.settings if one == plain),
        ]
    )


def known_names(catalogue: Catalogue) -> list[str]:
    """Return everything that can be explained, by its short name."""
    parts = [part.name for part in catalogue.components.values()]
    libraries = [part.name for part in catalogue.third_party.values()]
    return [*parts, *libraries, *catalogue.presets, *catalogue.settings]


def components(catalogue: Catalogue) -> str:
    """List everything that a catalogue holds, by kind."""
    width = max((len(part.name) for part in catalogue.components.values()), default=0)
    lines = [f"{catalogue.head.description} ({catalogue.head.name} {catalogue.head.version})"]
    for kind in catalogue.kinds():
        lines += ["", f"{kind}:"]
        lines += [f"    {name:{width}}  {part.description}" for name, part in catalogue.of_kind(kind).items()]
    if catalogue.presets:
        lines += ["", "presets:"]
        lines += [
            f"    {name:{width}}  {preset.get('help', '')}" for name, preset in catalogue.presets.items()
        ]
    return "\n".join(lines) + "\n"


def _part(catalogue: Catalogue, part: Component) -> str:
    needed_by = [key for key, other in catalogue.components.items() if part.key in other.requires]
    address = part.repository
    if address and ":" not in address:
        address = f"{catalogue.head.organization}/{address}.git"
    checked = part.checked
    packages = [*part.debian_run, *(f"{name} (to build)" for name in part.debian_build)]
    options = [f"        {name}:{option.type}={option.default}" for name, option in part.options.items()]
    return _text(
        f"{part.key}: {part.description}",
        ("chosen by", _flag(part, catalogue)),
        ("in presets", ", ".join(_presets_with(part, catalogue))),
        ("built as", part.build),
        ("in a result", f"about {part.size_megabytes:g} MB" if part.size_megabytes else ""),
        (
            "sources",
            f"{part.source_megabytes:g} MB, where they were checked" if part.source_megabytes else "",
        ),
        ("repository", address),
        ("requires", ", ".join(part.requires)),
        ("needed by", ", ".join(needed_by)),
        ("excludes", ", ".join(part.conflicts)),
        ("not without", ", ".join(_rules(part, catalogue))),
        ("third-party", ", ".join(part.third_party)),
        ("Python", ", ".join(part.python_requirements) or part.python_package),
        ("Python with --enable-gpu", ", ".join(part.python_requirements_gpu)),
        ("native features", ", ".join(part.native_features)),
        ("listens on", ", ".join(_doors(part, catalogue))),
        ("handed over with", ", ".join(_prebuilt(part, catalogue))),
        ("files", part.folder),
        ("platforms", ", ".join(part.platforms)),
        ("machines", ", ".join(part.machines)),
        ("GPU", part.gpu if part.gpu != "optional" else ""),
        ("upstream", "" if part.maintained else "no longer maintained"),
        ("Debian packages", ", ".join(packages)),
        ("checked at", f"{checked.ref} {checked.commit} of {checked.date}" if checked else ""),
    ) + "".join(f"{line}\n" for line in (["    options:", *options] if options else []))


def _third(catalogue: Catalogue, part: ThirdParty) -> str:
    users = [key for key, other in catalogue.components.items() if part.key in other.third_party]
    holds = [key for key, other in catalogue.third_party.items() if other.inside == part.key]
    return _text(
        f"{part.key}: {part.description}",
        ("comes by", part.by),
        ("address", part.address),
        ("ref", part.ref),
        ("size", f"{part.size_megabytes:g} MB unpacked" if part.size_megabytes else ""),
        ("SHA-256", part.sha256),
        ("inside", part.inside),
        ("holds", ", ".join(holds)),
        ("declared in", part.declared_in),
        ("needed by", ", ".join(users)),
        ("submodules used", ", ".join(part.submodules)),
        ("left out", ", ".join(part.left_out)),
        ("because", part.left_out_reason),
    )


def _preset(name: str, preset: Mapping[str, object]) -> str:
    told = [(key, _listed(value)) for key, value in preset.items() if key != "help"]
    return _text(f"preset {name}: {preset.get('help', '')}", ("chosen by", f"--preset={name}"), *told)


def _setting(catalogue: Catalogue, name: str) -> str:
    setting = catalogue.settings[name]
    released = {release: told[name] for release, told in catalogue.releases.items() if name in told}
    return _text(
        f"setting {name}: {setting.help}",
        ("chosen by", f"--{name}=TEXT"),
        ("default", setting.default),
        ("of releases", ", ".join(f"{release}: {value}" for release, value in released.items())),
    )


def _flag(part: Component, catalogue: Catalogue) -> str:
    """Return the flag that chooses a component; empty for what only others bring."""
    if part.kind in NAMED_KINDS:
        return f"--{part.kind}={part.name}"
    if part.kind == "feature":
        return f"--{FEATURES}-{part.name}"
    return "every build; --no-core-build leaves it out" if part.key == catalogue.head.main else ""


def _presets_with(part: Component, catalogue: Catalogue) -> Iterator[str]:
    flag = FEATURES if part.kind == "feature" else part.kind
    for name, preset in catalogue.presets.items():
        told = preset.get(flag)
        if isinstance(told, list) and part.name in [str(one).partition(":")[0] for one in told]:
            yield name


def _rules(part: Component, catalogue: Catalogue) -> Iterator[str]:
    """Yield what must be chosen with a component."""
    fact = f"{FEATURES if part.kind == 'feature' else part.kind}:{part.name}"
    for rule in catalogue.rules:
        if fact in rule.when:
            others = " and ".join(_given(word) for word in rule.when if word != fact)
            yield f"{_given(rule.needs)} (with {others})" if others else _given(rule.needs)


def _given(fact: str) -> str:
    """Return the flag behind a fact."""
    kind, _, name = fact.partition(":")
    return f"--{kind}-{name}" if kind == FEATURES else f"--{kind}={name}"


def _doors(part: Component, catalogue: Catalogue) -> Iterator[str]:
    for door in catalogue.doors:
        if door.endpoint == part.key:
            yield f"port {door.port}, unless {door.flag} says otherwise"


def _prebuilt(part: Component, catalogue: Catalogue) -> Iterator[str]:
    for name, prebuilt in catalogue.prebuilt.items():
        if prebuilt.component == part.key and not prebuilt.refused:
            yield f"--component={name}=FOLDER"


def _listed(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(title: str, *facts: tuple[str, str]) -> str:
    told: Iterable[str] = (f"    {name}: {text}" for name, text in facts if text)
    return "".join(f"{line}\n" for line in (title, *told))
