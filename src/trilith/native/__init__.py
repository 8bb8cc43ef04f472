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
    Trace,
    WorkerLink,
    WorkerPort,
    file_descriptor_set,
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
    "Trace",
    "WorkerLink",
    "WorkerPort",
    "file_descriptor_set",
]
