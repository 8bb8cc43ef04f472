//! The settings of traces and of the log.

use trilith_core::{Error, Result};

use super::protocol::inference::log_settings_request::setting_value::ParameterChoice as Given;
use super::protocol::inference::log_settings_response::SettingValue as LogValue;
use super::protocol::inference::log_settings_response::setting_value::ParameterChoice as Shown;
use super::protocol::inference::trace_setting_response::SettingValue as TraceValue;
use super::protocol::inference::{
    LogSettingsRequest, LogSettingsResponse, TraceSettingRequest, TraceSettingResponse,
};
use crate::context::Context;
use crate::logging::{LogSettings, refuse};
use crate::tracing;

/// Shows the settings of traces, after changing them if asked to.
pub(super) fn trace(context: &Context, request: &TraceSettingRequest) -> Result<TraceSettingResponse> {
    let model = Some(request.model_name.as_str()).filter(|name| !name.is_empty());
    let changes = request
        .settings
        .iter()
        .map(|(name, setting)| {
            // No values at all: it falls back.
            let values = Some(setting.value.clone()).filter(|values| !values.is_empty());
            (name.clone(), values)
        })
        .collect();
    let settings = tracing::settings(context, model, changes)?;
    let settings = settings.into_iter().map(|(name, value)| (name, TraceValue { value }));
    Ok(TraceSettingResponse { settings: settings.collect() })
}

/// Shows the settings of the log, after changing them if asked to.
pub(super) async fn log(context: &Context, request: LogSettingsRequest) -> Result<LogSettingsResponse> {
    let change = |settings: &mut LogSettings| {
        request
            .settings
            .iter()
            .try_for_each(|(name, value)| set(settings, name, value.parameter_choice.as_ref()))
    };
    let settings = context.logging.change(&context.control, change).await?;
    let shown = [
        ("log_file", Shown::StringParam(settings.file)),
        ("log_info", Shown::BoolParam(settings.info)),
        ("log_warning", Shown::BoolParam(settings.warning)),
        ("log_error", Shown::BoolParam(settings.error)),
        ("log_verbose_level", Shown::Uint32Param(settings.verbose_level)),
        ("log_format", Shown::StringParam(settings.format)),
    ];
    let value = |shown| LogValue { parameter_choice: Some(shown) };
    let settings = shown.into_iter().map(|(name, shown)| (name.to_owned(), value(shown)));
    Ok(LogSettingsResponse { settings: settings.collect() })
}

fn set(settings: &mut LogSettings, name: &str, given: Option<&Given>) -> Result<()> {
    let expect = |what: &str| Error::invalid(format!("expect {what} for '{name}'"));
    match (name, given) {
        ("log_info" | "log_warning" | "log_error", Some(Given::BoolParam(value))) => {
            settings.set_flag(name, *value);
            Ok(())
        }
        ("log_info" | "log_warning" | "log_error", _) => Err(expect("boolean")),
        ("log_verbose_level", Some(Given::Uint32Param(level))) => {
            settings.set_verbose_level(u64::from(*level))
        }
        ("log_verbose_level", _) => Err(expect("uint32")),
        ("log_format", Some(Given::StringParam(format))) => settings.set_format(format.clone()),
        ("log_format", _) => Err(expect("string")),
        _ => Err(refuse(name)),
    }
}
