//! `ModelInfer`.

use bytes::Bytes;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use trilith_core::DataType;
use trilith_wire::grpc::protocol::inference::infer_parameter::ParameterChoice;
use trilith_wire::grpc::protocol::inference::{InferParameter, InferTensorContents, ModelInferRequest};
use trilith_wire::grpc::{CompressionLevel, GrpcOptions};

use crate::support::{Server, answer, next_batch, output, request, typed};

fn parameter(choice: ParameterChoice) -> InferParameter {
    InferParameter { parameter_choice: Some(choice) }
}

#[tokio::test]
async fn raw_contents_come_back_raw() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let response =
        client.infer(ModelInferRequest { id: "a".into(), ..request("identity_FP32") }).await.unwrap();
    assert_eq!((response.model_name.as_str(), response.model_version.as_str()), ("identity_FP32", "1"));
    assert_eq!(response.id, "a");
    assert_eq!(response.outputs[0].name, "OUTPUT");
    assert_eq!(response.outputs[0].datatype, "FP32");
    assert_eq!(response.outputs[0].shape, [1, 2]);
    assert_eq!(response.raw_output_contents, [Bytes::from_static(&[1, 2, 3, 4, 5, 6, 7, 8])]);
}

#[tokio::test]
async fn typed_contents_of_every_datatype_become_their_bytes() {
    let contents = InferTensorContents::default;
    let cases = [
        ("BOOL", InferTensorContents { bool_contents: vec![true, false], ..contents() }, vec![1, 0]),
        ("INT8", InferTensorContents { int_contents: vec![-1, 2], ..contents() }, vec![255, 2]),
        ("INT16", InferTensorContents { int_contents: vec![-1, 2], ..contents() }, vec![255, 255, 2, 0]),
        ("UINT8", InferTensorContents { uint_contents: vec![255, 2], ..contents() }, vec![255, 2]),
        ("UINT16", InferTensorContents { uint_contents: vec![258, 2], ..contents() }, vec![2, 1, 2, 0]),
        ("INT32", InferTensorContents { int_contents: vec![-1], ..contents() }, vec![255; 4]),
        ("UINT32", InferTensorContents { uint_contents: vec![u32::MAX], ..contents() }, vec![255; 4]),
        ("INT64", InferTensorContents { int64_contents: vec![-1], ..contents() }, vec![255; 8]),
        ("UINT64", InferTensorContents { uint64_contents: vec![u64::MAX], ..contents() }, vec![255; 8]),
        ("FP32", InferTensorContents { fp32_contents: vec![1.0], ..contents() }, vec![0, 0, 128, 63]),
        (
            "FP64",
            InferTensorContents { fp64_contents: vec![1.0], ..contents() },
            1_f64.to_le_bytes().to_vec(),
        ),
        (
            "BYTES",
            InferTensorContents { bytes_contents: vec!["a".into(), "".into()], ..contents() },
            vec![1, 0, 0, 0, b'a', 0, 0, 0, 0],
        ),
    ];
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (datatype, contents, expected) in cases {
        let size = DataType::parse(datatype).unwrap().size();
        let length = size.map_or(2, |size| expected.len() / size);
        let response = client.infer(typed(datatype, length as i64, contents)).await.unwrap();
        assert_eq!(response.raw_output_contents, [expected], "{datatype}");
    }
}

#[tokio::test]
async fn typed_contents_that_do_not_fit_are_refused_by_name() {
    let contents = InferTensorContents::default;
    let cases = [
        ("INT8", InferTensorContents { int_contents: vec![1, 128], ..contents() }, "element 1 is 128"),
        ("UINT16", InferTensorContents { uint_contents: vec![65536, 1], ..contents() }, "element 0 is 65536"),
        (
            "FP32",
            InferTensorContents { fp32_contents: vec![1.0], ..contents() },
            "takes 2 elements, 1 were given",
        ),
        ("FP32", InferTensorContents { fp64_contents: vec![1.0; 2], ..contents() }, "takes fp32_contents"),
        ("FP16", InferTensorContents { fp32_contents: vec![1.0; 2], ..contents() }, "raw_input_contents"),
    ];
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (datatype, contents, expected) in cases {
        let status = client.infer(typed(datatype, 2, contents)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(expected), "{}", status.message());
        assert!(status.message().contains("input 'INPUT'"), "{}", status.message());
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_the_right_code() {
    let good = || request("identity_FP32");
    let mut mixed = typed("FP32", 1, InferTensorContents { fp32_contents: vec![1.0], ..Default::default() });
    mixed.raw_input_contents = vec![Bytes::from_static(&[0; 4])];
    let mut unknown_datatype = good();
    unknown_datatype.inputs[0].datatype = "FP31".into();
    let mut reserved = good();
    reserved.parameters.insert("triton_x".into(), parameter(ParameterChoice::BoolParam(true)));
    let mut late = good();
    late.parameters.insert("timeout".into(), parameter(ParameterChoice::Int64Param(-1)));
    let mut named = good();
    named.parameters.insert("sequence_id".into(), parameter(ParameterChoice::BoolParam(true)));
    let mut empty = good();
    empty.parameters.insert("mine".into(), InferParameter { parameter_choice: None });
    let mut shared = good();
    let region = parameter(ParameterChoice::StringParam("region".into()));
    shared.inputs[0].parameters.insert("shared_memory_region".into(), region);
    let mut classes = good();
    classes.outputs = vec![output("OUTPUT")];
    classes.outputs[0].parameters.insert("classification".into(), parameter(ParameterChoice::Int64Param(0)));
    let cases = [
        (ModelInferRequest { model_name: "none".into(), ..good() }, Code::NotFound, "none"),
        (ModelInferRequest { model_version: "9".into(), ..good() }, Code::NotFound, "9"),
        (ModelInferRequest { model_version: "x".into(), ..good() }, Code::InvalidArgument, "version 'x'"),
        (ModelInferRequest { raw_input_contents: vec![], ..good() }, Code::InvalidArgument, "has no data"),
        (
            ModelInferRequest { raw_input_contents: vec![Bytes::new(); 2], ..good() },
            Code::InvalidArgument,
            "2 entries",
        ),
        (
            ModelInferRequest { raw_input_contents: vec![Bytes::from_static(&[0; 7])], ..good() },
            Code::InvalidArgument,
            "takes 8 bytes, 7 were given",
        ),
        (ModelInferRequest { outputs: vec![output("NONE")], ..good() }, Code::InvalidArgument, "NONE"),
        (mixed, Code::InvalidArgument, "one or the other"),
        (unknown_datatype, Code::InvalidArgument, "'FP31' is not a datatype"),
        (reserved, Code::InvalidArgument, "'triton_x'"),
        (late, Code::InvalidArgument, "'timeout' must not be negative"),
        (named, Code::InvalidArgument, "'sequence_id' takes"),
        (empty, Code::InvalidArgument, "'mine' has no value"),
        (shared, Code::InvalidArgument, "'shared_memory_byte_size' must be specified"),
        (classes, Code::InvalidArgument, "above 0"),
    ];
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (bad, code, expected) in cases {
        let status = client.infer(bad).await.unwrap_err();
        assert_eq!(status.code(), code, "{}", status.message());
        assert!(status.message().contains(expected), "{}", status.message());
        assert!(client.infer(good()).await.is_ok());
    }
}

#[tokio::test]
async fn the_largest_class_is_named_where_classes_are_asked_for() {
    let server = Server::start().await;
    let mut wanted = output("OUTPUT");
    wanted.parameters.insert("classification".into(), parameter(ParameterChoice::Int64Param(1)));
    let mut asked =
        typed("FP32", 2, InferTensorContents { fp32_contents: vec![1.0, 3.0], ..Default::default() });
    asked.outputs = vec![wanted];
    let response = server.connect().await.infer(asked).await.unwrap();
    assert_eq!(response.outputs[0].datatype, "BYTES");
    assert_eq!(response.raw_output_contents[0][4..], *b"3.000000:1");
}

#[tokio::test]
async fn everything_the_request_says_reaches_the_model() {
    let server = Server::start().await;
    let port = server.load("held", DataType::Fp32, false);
    let mut asked = request("held");
    for (name, choice) in [
        ("sequence_id", ParameterChoice::StringParam("s".into())),
        ("sequence_start", ParameterChoice::BoolParam(true)),
        ("sequence_end", ParameterChoice::BoolParam(false)),
        ("priority", ParameterChoice::Uint64Param(0)),
        ("timeout", ParameterChoice::Int64Param(5)),
        ("bool", ParameterChoice::BoolParam(true)),
        ("int", ParameterChoice::Int64Param(-7)),
        ("uint", ParameterChoice::Uint64Param(u64::MAX)),
        ("double", ParameterChoice::DoubleParam(0.5)),
        ("text", ParameterChoice::StringParam("t".into())),
    ] {
        asked.parameters.insert(name.into(), parameter(choice));
    }
    let mut client = server.connect().await;
    let call = tokio::spawn(async move { client.infer(asked).await });
    let batch = next_batch(&port).await;
    let seen = batch.jobs()[0].request();
    assert_eq!(seen.correlation_id, trilith_core::CorrelationId::Text("s".into()));
    assert_eq!(seen.flags, trilith_core::request::flags::SEQUENCE_START);
    assert_eq!(seen.timeout_microseconds, 5);
    let mut parameters: Vec<_> =
        seen.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parameters.sort();
    assert_eq!(parameters, ["bool=true", "double=0.5", "int=-7", "text=t", "uint=18446744073709551615"]);
    answer(batch);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn large_tensors_come_back_whole() {
    let server = Server::start().await;
    let content: Bytes = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>().into();
    let mut asked = request("identity_UINT32");
    asked.inputs[0].datatype = "UINT32".into();
    asked.inputs[0].shape = vec![1, 3_000_000];
    asked.raw_input_contents = vec![content.clone()];
    let mut client = server.connect().await;
    client.0 = client.0.max_decoding_message_size(64 << 20);
    let response = client.infer(asked).await.unwrap();
    assert!(response.raw_output_contents == [content]);
}

#[tokio::test]
async fn messages_are_compressed_both_ways() {
    let options = GrpcOptions { response_compression: CompressionLevel::Medium, ..GrpcOptions::default() };
    let server = Server::start_with(options).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        let mut client = server.connect().await;
        client.0 = client.0.send_compressed(encoding).accept_compressed(encoding);
        let response = client.infer(request("identity_FP32")).await.unwrap();
        assert_eq!(response.raw_output_contents[0].len(), 8);
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let server = Server::start_with(GrpcOptions { max_message_size: 100, ..GrpcOptions::default() }).await;
    let mut client = server.connect().await;
    let mut large = request("identity_FP32");
    large.raw_input_contents = vec![vec![0; 200].into()];
    let status = client.infer(large.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("100 at most"), "{}", status.message());

    let mut packing = client.clone();
    packing.0 = packing.0.send_compressed(CompressionEncoding::Gzip);
    let status = packing.infer(large).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("unpacks to more"), "{}", status.message());
    assert!(client.infer(request("identity_FP32")).await.is_ok());
}
