//! `ModelStatistics`.

use trilith_core::Result;
use trilith_engine::statistics::{BatchStatistics, Duration, ModelStatistics, ResponseStatistics};

use super::convert_request::parse_version;
use super::protocol::inference::{
    InferBatchStatistics, InferResponseStatistics, InferStatistics,
    ModelStatistics as ModelStatisticsMessage, ModelStatisticsRequest, ModelStatisticsResponse,
    StatisticDuration,
};
use crate::context::Context;

/// What models have done: all of them, or the one that is named.
pub(super) fn model_statistics(
    context: &Context,
    request: &ModelStatisticsRequest,
) -> Result<ModelStatisticsResponse> {
    let name = Some(request.name.as_str()).filter(|name| !name.is_empty());
    let statistics = context.engine.statistics(name, parse_version(&request.version)?)?;
    Ok(ModelStatisticsResponse { model_stats: statistics.into_iter().map(convert).collect() })
}

fn convert(statistics: ModelStatistics) -> ModelStatisticsMessage {
    ModelStatisticsMessage {
        inference_stats: Some(InferStatistics {
            success: duration(statistics.success),
            fail: duration(statistics.fail),
            queue: duration(statistics.queue),
            compute_input: duration(statistics.compute_input),
            compute_infer: duration(statistics.compute_infer),
            compute_output: duration(statistics.compute_output),
            cache_hit: duration(statistics.cache_hit),
            cache_miss: duration(statistics.cache_miss),
        }),
        name: statistics.name,
        version: statistics.version.to_string(),
        last_inference: statistics.last_inference,
        inference_count: statistics.inference_count,
        execution_count: statistics.execution_count,
        batch_stats: statistics.batches.iter().map(convert_batch).collect(),
        response_stats: (0..).zip(&statistics.responses).map(convert_response).collect(),
        ..ModelStatisticsMessage::default()
    }
}

fn convert_batch(batch: &BatchStatistics) -> InferBatchStatistics {
    InferBatchStatistics {
        batch_size: batch.batch_size,
        compute_input: duration(batch.compute_input),
        compute_infer: duration(batch.compute_infer),
        compute_output: duration(batch.compute_output),
    }
}

fn convert_response((index, response): (u32, &ResponseStatistics)) -> (String, InferResponseStatistics) {
    let statistics = InferResponseStatistics {
        compute_infer: duration(response.compute_infer),
        compute_output: duration(response.compute_output),
        success: duration(response.success),
        fail: duration(response.fail),
        empty_response: duration(response.empty_response),
        cancel: duration(response.cancel),
    };
    (index.to_string(), statistics)
}

// Always there, as clients read the numbers without looking whether the message is.
#[expect(clippy::unnecessary_wraps, reason = "protobuf's message fields are optional")]
fn duration(duration: Duration) -> Option<StatisticDuration> {
    Some(StatisticDuration { count: duration.count, ns: duration.nanoseconds })
}
