//! Reads a request's inputs from regions and writes its outputs to them.

use std::sync::Arc;

use bytes::Bytes;
use trilith_core::{DataType, Error, Payload, Request, Response, Result};

use super::reference::{Reference, References};
use super::registry::{Region, SharedMemory};

/// The regions that one request uses. Holding it keeps them, also when they are unregistered meanwhile.
#[derive(Default)]
pub struct Placements {
    sources: Vec<Arc<Region>>,
    targets: Vec<Target>,
}

struct Target {
    output: String,
    region: Arc<Region>,
    offset: usize,
    length: usize,
}

impl Placements {
    /// Finds what a request refers to and gives its inputs their content.
    ///
    /// Fails, and names the tensor, if a region is not known or the reference leaves it.
    pub fn resolve(memory: &SharedMemory, references: References, request: &mut Request) -> Result<Self> {
        let mut placements = Self::default();
        for (position, reference) in references.inputs {
            let model = &request.model;
            let Some(input) = request.inputs.get_mut(position) else { continue };
            let found = read(memory, &reference, input.datatype);
            let (payload, region) = found
                .map_err(|error| within(error, format_args!("input '{}' of model '{model}'", input.name)))?;
            input.payload = payload;
            placements.sources.push(region);
            request.is_volatile = true;
        }
        for (output, reference) in references.outputs {
            let target = find(memory, &reference).map_err(|error| {
                within(error, format_args!("output '{output}' of model '{}'", request.model))
            })?;
            let (region, offset, length) = target;
            placements.targets.push(Target { output, region, offset, length });
        }
        Ok(placements)
    }

    /// Writes outputs to their regions; in the response nothing but their names, datatypes and shapes is left.
    ///
    /// Fails if one does not fit, or if memory that was used has gone meanwhile.
    pub fn settle(&self, response: &mut Response) -> Result<()> {
        for region in &self.sources {
            region.memory.require().map_err(|error| in_region(error, region))?;
        }
        self.save_overlapping(response);
        for target in &self.targets {
            let Some(output) = response.outputs.iter_mut().find(|output| output.name == target.output) else {
                continue;
            };
            target.write(&output.payload).map_err(|error| {
                within(error, format_args!("output '{}' of model '{}'", target.output, response.model))
            })?;
            output.payload = Payload::new();
        }
        Ok(())
    }

    /// A model may pass an input on as an output. Where such an output lies in a region to which another one is
    /// written, it is copied first, so that the order of writing does not matter.
    fn save_overlapping(&self, response: &mut Response) {
        if self.targets.is_empty() || response.outputs.len() < 2 {
            return;
        }
        for output in &mut response.outputs {
            let is_at_risk = |piece: &Bytes| {
                self.targets
                    .iter()
                    .any(|target| target.output != output.name && target.region.memory.holds(piece))
            };
            if output.payload.pieces().iter().any(is_at_risk) {
                let mut copy = Vec::with_capacity(output.payload.len());
                output.payload.pieces().iter().for_each(|piece| copy.extend_from_slice(piece));
                output.payload = copy.into();
            }
        }
    }
}

impl Target {
    fn write(&self, payload: &Payload) -> Result<()> {
        if payload.len() > self.length {
            return Err(Error::invalid(format!(
                "shared memory size specified with the request for output '{}' ({} bytes) should be at least {} \
                 bytes to hold the results",
                self.output,
                self.length,
                payload.len()
            )));
        }
        let written = self.region.memory.write(self.offset, payload.pieces());
        written.map_err(|error| in_region(error, &self.region))
    }
}

/// An input's content, and the region that it lies in.
fn read(memory: &SharedMemory, reference: &Reference, datatype: DataType) -> Result<(Payload, Arc<Region>)> {
    let (region, offset, length) = find(memory, reference)?;
    let view = region.memory.view(offset, length).map_err(|error| in_region(error, &region))?;
    // The lengths in front of strings are checked once and followed later: they must not change in between.
    let content = if datatype == DataType::Bytes { Bytes::copy_from_slice(&view) } else { view };
    Ok((content.into(), region))
}

/// The region that is referred to, and the part of it; all of the part lies within.
fn find(memory: &SharedMemory, reference: &Reference) -> Result<(Arc<Region>, usize, usize)> {
    let Reference { region: name, offset, byte_size } = reference;
    let region = memory.find(name)?;
    let size = region.status.byte_size;
    if *offset >= size {
        return Err(Error::invalid(format!(
            "Invalid offset for shared memory region: '{name}': it has {size} bytes, offset {offset} was given"
        )));
    }
    if *byte_size > size - offset {
        return Err(Error::invalid(format!(
            "Invalid offset + byte size for shared memory region: '{name}': it has {size} bytes, {byte_size} from \
             offset {offset} were asked for"
        )));
    }
    // Both are less than the size of memory that is mapped.
    Ok((region, *offset as usize, *byte_size as usize))
}

fn within(mut error: Error, place: std::fmt::Arguments<'_>) -> Error {
    error.message = format!("{place}: {}", error.message).into();
    error
}

fn in_region(error: Error, region: &Region) -> Error {
    within(error, format_args!("shared memory region '{}'", region.status.name))
}
