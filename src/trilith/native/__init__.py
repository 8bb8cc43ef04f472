"""The door to the Rust extension: what happens once per request."""

from trilith.native._native import (
    FEATURES,
    Batch,
    Call,
    CallAnswer,
    Caller,
    Command,
    InferenceRequest,
    InstancePort,
    Model,
    ResponseSender,
    Server,
    WorkerLink,
    WorkerPort,
    file_descriptor_set,
    inspect_tls,
    make_batch_input,
)

__all__ = [
    "FEATURES",
    "Batch",
    "Call",
    "CallAnswer",
    "Caller",
    "Command",
    "InferenceRequest",
    "InstancePort",
    "Model",
    "ResponseSender",
    "Server",
    "WorkerLink",
    "WorkerPort",
    "file_descriptor_set",
    "inspect_tls",
    "make_batch_input",
]
