//! Compiles `proto/`, without protoc: the descriptors always, the messages of the gRPC endpoint where it is built in.

use std::error::Error;
use std::path::Path;

const DEFINITIONS: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DEFINITIONS}");
    let mut compiler = protox::Compiler::new([DEFINITIONS])?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(["inference.proto", "health.proto"])?;

    let target = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&target).join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    generate_messages(&compiler)
}

#[cfg(feature = "grpc")]
fn generate_messages(compiler: &protox::Compiler) -> Result<(), Box<dyn Error>> {
    // Contents of tensors share the memory they were received in.
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

#[cfg(not(feature = "grpc"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature with and without the endpoint")]
fn generate_messages(_: &protox::Compiler) -> Result<(), Box<dyn Error>> {
    Ok(())
}
