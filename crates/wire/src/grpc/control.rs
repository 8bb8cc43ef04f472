//! Loading and unloading models.

use std::collections::BTreeMap;

use trilith_core::{Code, Error, Fault, Result};

use super::protocol::inference::model_repository_parameter::ParameterChoice;
use super::protocol::inference::{
    ModelRepositoryParameter, RepositoryModelLoadRequest, RepositoryModelLoadResponse,
    RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
};
use crate::context::Context;
use crate::control::{Kind, Value};

type Given = BTreeMap<String, ModelRepositoryParameter>;

/// Has a model loaded.
pub(super) async fn load(
    context: &Context,
    request: RepositoryModelLoadRequest,
) -> Result<RepositoryModelLoadResponse> {
    refuse_repository(&request.repository_name)?;
    let parameters = load_parameters(request.parameters)?;
    context.control.ask(Kind::Load, &request.model_name, parameters).await?;
    Ok(RepositoryModelLoadResponse {})
}

/// Has a model unloaded.
pub(super) async fn unload(
    context: &Context,
    request: RepositoryModelUnloadRequest,
) -> Result<RepositoryModelUnloadResponse> {
    refuse_repository(&request.repository_name)?;
    let parameters = unload_parameters(&request.parameters)?;
    context.control.ask(Kind::Unload, &request.model_name, parameters).await?;
    Ok(RepositoryModelUnloadResponse {})
}

/// Repositories have no names by which they could be told apart.
pub(super) fn refuse_repository(name: &str) -> Result<()> {
    if name.is_empty() {
        return Ok(());
    }
    let message = "'repository_name' specification is not supported";
    Err(Error::new(Code::Unimplemented, Fault::Client, message).with_hint("leave it empty"))
}

fn load_parameters(given: Given) -> Result<Vec<(String, Value)>> {
    let mut parameters = Vec::with_capacity(given.len());
    for (name, parameter) in given {
        let value = match (name.as_str(), parameter.parameter_choice) {
            ("config", Some(ParameterChoice::StringParam(text))) => Value::Text(text),
            ("config", _) => return Err(wrong_type("load parameter 'config'", "string_param")),
            (file, Some(ParameterChoice::BytesParam(content))) if file.starts_with("file:") => {
                Value::Bytes(content)
            }
            (file, _) if file.starts_with("file:") => {
                return Err(wrong_type(&format!("load parameter '{file}'"), "bytes_param"));
            }
            (other, _) => {
                let message = format!("unrecognized load parameter '{other}'");
                return Err(Error::invalid(message).with_hint("there are 'config' and 'file:VERSION/NAME'"));
            }
        };
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// Triton passes over what an unload says beyond its dependents.
fn unload_parameters(given: &Given) -> Result<Vec<(String, Value)>> {
    let name = "unload_dependents";
    let Some(parameter) = given.get(name) else { return Ok(Vec::new()) };
    match parameter.parameter_choice {
        Some(ParameterChoice::BoolParam(value)) => Ok(vec![(name.into(), Value::Bool(value))]),
        _ => Err(wrong_type("parameter 'unload_dependents'", "bool_param")),
    }
}

fn wrong_type(what: &str, expected: &str) -> Error {
    Error::invalid(format!("invalid value type for {what}, expected {expected}"))
}
