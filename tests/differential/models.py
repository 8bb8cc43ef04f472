"""The repository that both servers are given: the python backend only, which the peer has too."""

from pathlib import Path

from repositories.models import read_template
from support.folders import describe, write_model

DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "BYTES"),
)

RICH = """
dynamic_batching {
  preferred_batch_size: [2, 4]
  max_queue_delay_microseconds: 100
  priority_levels: 3
  default_priority_level: 2
  default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5000000 max_queue_size: 9 }
  priority_queue_policy { key: 1 value { allow_timeout_override: true max_queue_size: 3 } }
}
instance_group [ { count: 2 kind: KIND_CPU } ]
parameters { key: "word" value { string_value: "blue" } }
version_policy { all {} }
metric_tags { key: "team" value: "red" }
optimization { priority: PRIORITY_MAX input_pinned_memory { enable: false } }
response_cache { enable: false }
"""

BROKEN = {
    "broken_field": 'backend: "python"\nmax_batch_siz: 8\n',
    "broken_type": describe("python").replace("TYPE_FP32", "TYPE_FP23"),
    "broken_backend": describe("nonsense"),
    "broken_name": describe("python") + 'name: "another"\n',
    "broken_dims": describe("python", inputs=[("INPUT0", "FP32", [0])]),
    "broken_batch": describe("python", max_batch_size=-2),
    "broken_twice": describe("python", inputs=[("INPUT0", "FP32", [1])] * 2),
    "broken_preferred": describe("python", more="dynamic_batching { preferred_batch_size: [16] }"),
    "broken_priority": describe("python", more="dynamic_batching { default_priority_level: 2 }"),
    "broken_group": describe("python", more="instance_group { count: -1 }"),
    "broken_versions": describe("python", more="version_policy { specific { versions: [7] } }"),
}


VARIANTS = {
    "variant_groups": 'instance_group [ { name: "a" count: 1 kind: KIND_CPU }, { count: 2 kind: KIND_CPU } ]',
    "variant_auto": "instance_group { count: 1 kind: KIND_AUTO }",
    "variant_model": "instance_group { kind: KIND_MODEL }",
    "variant_limited": """
instance_group { kind: KIND_CPU rate_limiter { resources { name: "R" count: 2 } priority: 2 } }
""",
    "variant_two_versions": "version_policy { latest { num_versions: 2 } }",
    "variant_delay": "dynamic_batching { max_queue_delay_microseconds: 7 }",
    "variant_levels": "dynamic_batching { priority_levels: 4 }",
    "variant_ordered": "dynamic_batching { preserve_ordering: true preferred_batch_size: 8 }",
    "variant_coupled": "model_transaction_policy { decoupled: false }",
    "variant_file": 'default_model_filename: "model.py"',
    "variant_eager": "optimization { eager_batching: true gather_kernel_buffer_threshold: 5 }",
    "variant_graph": "optimization { graph { level: 1 } }",
    "variant_parameters": """
parameters [ { key: "b" value { string_value: "2" } }, { key: "a" value { string_value: "" } } ]
""",
    "variant_operations": 'model_operations { op_library_filename: "x" }',
    "variant_cached": "response_cache { enable: true }",
}

OTHERS = {
    "other_reshape": """
backend: "python"
max_batch_size: 4
input { name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 2 ] } }
output { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 2 ] } }
""",
    "other_scalar": """
backend: "python"
max_batch_size: 4
input { name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } }
output { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } }
""",
    "other_formats": """
backend: "python"
max_batch_size: 0
input { name: "INPUT0" data_type: TYPE_UINT8 format: FORMAT_NHWC dims: [ 2, 2, 3 ] }
output { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 2, 2, 3 ] }
""",
    "other_bare": 'backend: "python"\n',
    "other_no_backend": "max_batch_size: 2\n",
    "other_platform": 'platform: "python"\n',
    "other_only_inputs": 'backend: "python"\ninput { name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] }\n',
    "other_comment": "# nothing but this\n",
}


def write_models(repository: Path) -> None:
    """Fill a repository."""
    identity = {"model.py": read_template("plain")}
    two = [("INPUT0", "FP32", [2]), ("INPUT1", "INT64", [-1, 2])]
    write_model(repository, "pair", describe("python", two, as_outputs(two)), identity)
    text = [("INPUT0", "BYTES", [-1])]
    write_model(repository, "text", describe("python", text, as_outputs(text)), identity)
    _write_types(repository)
    write_model(repository, "unbatched", describe("python", max_batch_size=0), identity)
    for name in ("failing", "counted"):
        write_model(repository, name, describe("python"), {"model.py": read_template("failing")})
    write_model(repository, "completing", "", {"model.py": read_template("completing")})
    telling = describe("python", outputs=[("TOLD", "BYTES", [1])])
    write_model(repository, "teller", telling, {"model.py": read_template("telling")})
    write_model(repository, "rich", describe("python", more=RICH), identity, versions=(1, 3))
    _write_labelled(repository)
    for name, config in {**BROKEN, **OTHERS}.items():
        write_model(repository, name, config, identity)
    for name, more in VARIANTS.items():
        versions = (1, 2, 3) if "versions" in name else (1,)
        write_model(repository, name, describe("python", more=more), identity, versions=versions)
    (repository / "broken_no_version").mkdir()
    (repository / "broken_no_version" / "config.pbtxt").write_text(describe("python"))


def as_outputs(inputs: list[tuple[str, str, list[int]]]) -> list[tuple[str, str, list[int]]]:
    """Name what gives the inputs back."""
    return [(name.replace("INPUT", "OUTPUT"), datatype, dims) for name, datatype, dims in inputs]


def _write_types(repository: Path) -> None:
    tensors = [(f"INPUT_{datatype}", datatype, [-1]) for datatype in DATATYPES]
    config = describe("python", tensors, as_outputs(tensors))
    lines = [
        line.replace("] }", "] optional: true }") if line.startswith("input") else line
        for line in config.splitlines()
    ]
    write_model(repository, "types", "\n".join(lines), {"model.py": read_template("plain")})


def _write_labelled(repository: Path) -> None:
    config = describe("python", [("INPUT0", "FP32", [5])], [("OUTPUT0", "FP32", [5])])
    config = config.replace('"OUTPUT0" data_type', '"OUTPUT0" label_filename: "labels.txt" data_type')
    files = {"model.py": read_template("plain"), "../labels.txt": "ant\nbee\ncat\n"}
    write_model(repository, "labelled", config, files)
