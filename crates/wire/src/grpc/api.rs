//! Which part of the protocol a call belongs to.

use crate::restriction::Api;

/// Calls of the protocol that do not stand for themselves alone.
const CALLS: [(&str, Api); 14] = [
    ("ServerLive", Api::Health),
    ("ServerReady", Api::Health),
    ("ModelReady", Api::Health),
    ("ServerMetadata", Api::Metadata),
    ("ModelMetadata", Api::Metadata),
    ("ModelInfer", Api::Inference),
    ("ModelStreamInfer", Api::Inference),
    ("ModelConfig", Api::ModelConfig),
    ("ModelStatistics", Api::Statistics),
    ("RepositoryIndex", Api::ModelRepository),
    ("RepositoryModelLoad", Api::ModelRepository),
    ("RepositoryModelUnload", Api::ModelRepository),
    ("TraceSetting", Api::Trace),
    ("LogSettings", Api::Logging),
];

/// The part that a call belongs to; `None` for reflection and for what nobody knows.
pub(super) fn find(path: &str) -> Option<Api> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    match service {
        "grpc.health.v1.Health" => Some(Api::Health),
        "inference.GRPCInferenceService" if method.contains("SharedMemory") => Some(Api::SharedMemory),
        "inference.GRPCInferenceService" => {
            CALLS.iter().find(|(call, _)| *call == method).map(|(_, api)| *api)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_belong_to_parts_and_other_paths_to_none() {
        for call in [
            "ServerLive",
            "ModelInfer",
            "CudaSharedMemoryStatus",
            "SystemSharedMemoryRegister",
            "LogSettings",
        ] {
            assert!(find(&format!("/inference.GRPCInferenceService/{call}")).is_some(), "{call}");
        }
        assert_eq!(find("/grpc.health.v1.Health/Watch"), Some(Api::Health));
        for path in
            ["/inference.GRPCInferenceService/Other", "/grpc.reflection.v1.ServerReflection/X", "", "/a"]
        {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
