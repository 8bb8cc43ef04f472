//! The regions that clients have registered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use trilith_core::{Error, Result};

use super::endpoint::Endpoint;
use super::infer::Reader;
use super::json::Writer;
use super::reply::Refusal;
use super::route::Action;
use super::{body, reply};
use crate::listen::{ReplyBody, RequestBody};
use crate::shared_memory::{Kind, Origin, RegionStatus};

/// Members of a register request, as many as its kind has.
#[derive(Default)]
struct Registration {
    key: Option<String>,
    handle: Option<Vec<u8>>,
    device_id: Option<u64>,
    offset: u64,
    byte_size: Option<u64>,
}

impl Endpoint {
    /// Answers what is asked of shared memory: of one region, or of all.
    pub(super) async fn shared_memory(
        &self,
        kind: Kind,
        region: Option<&str>,
        action: Action,
        content: RequestBody,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let memory = &self.context.shared_memory;
        match action {
            Action::Status => return Ok(reply::json(describe(&memory.status(kind, region)?))),
            Action::Unregister => memory.unregister(kind, region)?,
            Action::Register => {
                let content = body::collect(content, self.limits).await?.to_bytes();
                self.register(kind, region.unwrap_or_default(), &content)?;
            }
        }
        Ok(reply::json(Vec::new()))
    }

    fn register(&self, kind: Kind, name: &str, content: &[u8]) -> Result<()> {
        let memory = &self.context.shared_memory;
        // Whether it is allowed and where it goes matter more than what the body says.
        memory.check_name(name, kind)?;
        let Registration { key, handle, device_id, offset, byte_size } = Registration::read(content)?;
        let byte_size = || byte_size.ok_or_else(|| missing("byte_size"));
        match kind {
            Kind::System => {
                let key = key.ok_or_else(|| missing("key"))?;
                memory.register_system(name, &key, offset, byte_size()?)
            }
            Kind::Cuda => {
                let handle = handle.ok_or_else(|| missing("raw_handle"))?;
                let byte_size = byte_size()?;
                let device_id = device_id.ok_or_else(|| missing("device_id"))?;
                memory.register_cuda(name, &handle, device_id, byte_size)
            }
        }
    }
}

impl Registration {
    fn read(content: &[u8]) -> Result<Self> {
        const WHAT: &str = "the register request";
        let mut reader = Reader::new(content);
        let mut registration = Self::default();
        let mut member = reader.open_object(WHAT)?;
        while let Some(name) = member {
            match &*name {
                "key" => registration.key = Some(reader.string("'key'")?),
                "raw_handle" => registration.handle = read_handle(&mut reader)?,
                "device_id" => registration.device_id = Some(reader.unsigned("'device_id'")?),
                "offset" => registration.offset = reader.unsigned("'offset'")?,
                "byte_size" => registration.byte_size = Some(reader.unsigned("'byte_size'")?),
                _ => {
                    reader.skip(WHAT)?;
                }
            }
            member = reader.next_member()?;
        }
        reader.finish()?;
        Ok(registration)
    }
}

/// Reads `{"b64": "..."}`.
fn read_handle(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>> {
    let mut handle = None;
    let mut member = reader.open_object("'raw_handle'")?;
    while let Some(name) = member {
        if name == "b64" {
            let text = reader.string("'b64' of 'raw_handle'")?;
            handle = Some(STANDARD.decode(text).map_err(|cause| {
                Error::invalid(format!(
                    "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t: {cause}"
                ))
            })?);
        } else {
            reader.skip("'raw_handle'")?;
        }
        member = reader.next_member()?;
    }
    Ok(handle)
}

fn missing(field: &str) -> Error {
    Error::invalid(format!("Shared memory register request has no '{field}' field"))
}

fn describe(statuses: &[RegionStatus]) -> Vec<u8> {
    let mut json = Writer::with_capacity(96 * (statuses.len() + 1));
    json.list(("[", "]"), statuses, |json, status| {
        json.raw("{\"name\":").string(&status.name);
        match &status.origin {
            Origin::System { key, offset } => {
                json.raw(",\"key\":").string(key).raw(",\"offset\":").integer(*offset)
            }
            Origin::Cuda { device_id } => json.raw(",\"device_id\":").integer(*device_id),
        };
        json.raw(",\"byte_size\":").integer(status.byte_size).raw("}");
    });
    json.0
}
