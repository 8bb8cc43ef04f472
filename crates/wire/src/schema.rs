//! The wire contract as data.

/// Everything in `proto/`, imports included, as a serialized `google.protobuf.FileDescriptorSet`: gRPC reflection
/// answers from it, and Python builds the classes of the model configuration from it.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
