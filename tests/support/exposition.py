"""Reads the Prometheus text format (prometheus.io/docs/instrumenting/exposition_formats)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from support.server import ServerProcess

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')

Labels = frozenset[tuple[str, str]]


@dataclass
class Exposition:
    """What one scrape brought."""

    kinds: dict[str, str] = field(default_factory=dict)
    """``counter``, ``gauge``, ``histogram`` or ``summary``, by family."""
    samples: dict[str, dict[Labels, float]] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of all samples that bear the labels; 0 where there is none."""
        wanted = set(labels.items())
        return sum(value for given, value in self.samples.get(name, {}).items() if wanted <= given)

    def labels(self, name: str) -> list[Mapping[str, str]]:
        """Return the labels of every sample of that name."""
        return [dict(given) for given in self.samples.get(name, {})]


def scrape(server: ServerProcess) -> Exposition:
    """Fetch and read the metrics of a server."""
    status, body = server.get("/metrics", door="metrics")
    assert status == 200
    return parse(body.decode())


def parse(text: str) -> Exposition:
    """Read metrics; every line has to make sense, and no sample may come twice."""
    found = Exposition()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in found.kinds, f"described twice: {name}"
            found.kinds[name] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.match(line)
            assert match, f"not a sample: {line}"
            labels = frozenset(_LABEL.findall(match[2] or ""))
            series = found.samples.setdefault(match[1], {})
            assert labels not in series, f"comes twice: {line}"
            series[labels] = float(match[3])
    return found
