"""A plan as text for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from trilith.build.model import Closure, Part, Plan


@dataclass
class Node:
    """A line of a tree and what hangs below it."""

    text: str
    children: list["Node"] = field(default_factory=list)


def plan_tree(plan: Plan) -> Node:
    """Return a plan as a tree: what was chosen, what each pulls in and why, where it all goes."""
    root = Node(f"{plan.catalogue.head.description}")
    root.children.append(Node("decided", [Node(line) for line in _decisions(plan)]))
    chosen = Node(
        "chosen", [Node(_part_line(part), list(_below(part))) for part in plan.parts if part.chosen]
    )
    needed = [Node(_part_line(part), list(_below(part))) for part in plan.parts if not part.chosen]
    root.children.append(chosen)
    if needed:
        root.children.append(Node("needed besides", needed))
    if plan.closure:
        root.children.append(
            Node("third-party closure", [Node(_closure_line(item)) for item in plan.closure])
        )
    if plan.notes:
        root.children.append(Node("worth knowing", [Node(note) for note in plan.notes]))
    return root


def draw(node: Node) -> str:
    """Draw a tree with plain characters."""
    return "\n".join([node.text, *_draw_below(node, "")]) + "\n"


def _decisions(plan: Plan) -> Iterator[str]:
    container = plan.container_version
    yield f"version {plan.version.text} ({plan.version.origin})"
    if container.text:
        yield f"container version {container.text} ({container.origin})"
    yield f"platform {plan.platform.text} ({plan.platform.origin})"
    yield f"machine {plan.machine.text} ({plan.machine.origin})"
    yield f"build type {plan.build_type.text} ({plan.build_type.origin}), {plan.parallel} jobs at once"
    yield f"built {'in containers' if plan.containers else 'on this machine'}, in {plan.folders.build}"
    yield f"result in {plan.folders.install}"
    for name, reference in plan.images.items():
        if plan.containers:
            yield f"image {name}: {reference}"
    for name, value in plan.settings.items():
        if value.origin != "default":
            yield f"{name} {value.text} ({value.origin})"
    yield from _sizes(plan)
    yield f"plan {plan.digest}"


def _sizes(plan: Plan) -> Iterator[str]:
    """Yield what is known of sizes, and of whose nothing is."""
    size = sum(part.component.size_megabytes for part in plan.parts)
    if plan.catalogue.head.builder == "wheel":
        if size:
            yield f"about {size:g} MB unpacked, as the manifests say"
        return
    fetched = [item.part for item in plan.closure if item.part.address and not item.part.inside]
    sources = {part.key: part.component.source_megabytes for part in plan.parts if part.address}
    sources |= {part.key: part.size_megabytes for part in fetched}
    unknown = [key.partition(".")[2] for key, megabytes in sources.items() if not megabytes]
    besides = f", besides {', '.join(unknown)}, which were not measured" if unknown else ""
    yield f"about {sum(sources.values()):.1f} MB of sources, unpacked{besides}"
    measured = [part for part in plan.parts if part.component.size_megabytes]
    if measured:
        names = ", ".join(part.component.name for part in measured)
        yield f"about {size:.1f} MB in the result, for {names}; the others were not measured"


def _part_line(part: Part) -> str:
    source = f" at {part.ref}, {part.address}" if part.address else ""
    own, sources = part.component.size_megabytes, part.component.source_megabytes
    size = f", {own:g} MB" if own else ""
    size += f", {sources:g} MB of sources" if sources and part.address else ""
    return f"{part.key}{source}{size} ({part.reason})"


def _below(part: Part) -> Iterator[Node]:
    component = part.component
    for title, names in (
        ("needs", component.requires),
        ("third-party", component.third_party),
        ("Python", component.python_requirements),
        ("native features", component.native_features),
    ):
        if names:
            yield Node(f"{title}: {', '.join(names)}")
    given = [str(define) for define in part.defines if define.origin != "catalogue"]
    if given:
        yield Node(f"CMake, as asked for: {' '.join(given)}")


def _closure_line(item: Closure) -> str:
    part = item.part
    where = f" at {part.ref}" if part.ref else ""
    address = f", {part.address}" if part.address else ""
    size = f", {part.size_megabytes:g} MB" if part.size_megabytes else ""
    return f"{part.name}{where}{address}{size} ({part.by}, for {item.reason})"


def _draw_below(node: Node, indent: str) -> Iterator[str]:
    for index, child in enumerate(node.children):
        last = index == len(node.children) - 1
        yield f"{indent}{'└── ' if last else '├── '}{child.text}"
        yield from _draw_below(child, indent + ("    " if last else "│   "))
