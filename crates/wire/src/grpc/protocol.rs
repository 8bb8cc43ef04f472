//! The messages of the wire contract, generated from `proto/`.

// Generated code answers to its generator's style, not to this project's lints.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]

/// Package `inference`.
pub mod inference {
    include!(concat!(env!("OUT_DIR"), "/inference.rs"));
}

/// Package `grpc.health.v1`.
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}

/// Every definition as a serialized `FileDescriptorSet`, imports included.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
