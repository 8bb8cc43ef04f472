"""The door to the Rust extension: what happens once per request."""

from trilith.native._native import (
    FEATURES,
    Batch,
    Command,
    InferenceRequest,
    InstancePort,
    Model,
    Server,
    WorkerLink,
    WorkerPort,
    file_descriptor_set,
)

__all__ = [
    "FEATURES",
    "Batch",
    "Command",
    "InferenceRequest",
    "InstancePort",
    "Model",
    "Server",
    "WorkerLink",
    "WorkerPort",
    "file_descriptor_set",
]
