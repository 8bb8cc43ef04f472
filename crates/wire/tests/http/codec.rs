//! The codec of tensors, without a socket and without an engine.

use bytes::Bytes;
use proptest::prelude::*;
use trilith_core::{
    CorrelationId, DataType, Delivery, Parameter, Payload, Request, Response, Result, Tensor, bytes_tensor,
};
use trilith_wire::http::infer::{Decoded, Deliveries, Target, decode, encode};

const TARGET: Target<'_> = Target { model: "m", version: Some(3), max_tensor_size: 1 << 20 };

fn decode_text(text: &str) -> Result<Decoded> {
    decode(TARGET, Bytes::copy_from_slice(text.as_bytes()).into(), None)
}

fn request_of(text: &str) -> Request {
    decode_text(text).unwrap().request
}

fn refusal_of(text: &str) -> String {
    let error = decode_text(text).unwrap_err();
    assert_eq!(error.code.http_status(), 400, "{error}");
    error.full_text().into_owned()
}

fn input(members: &str) -> String {
    format!("{{\"inputs\":[{{{members}}}]}}")
}

#[test]
fn every_member_of_a_request_finds_its_place() {
    let request = request_of(
        r#"{"id":"x","unknown":[{}],"parameters":{"sequence_id":7,"sequence_start":true,"sequence_end":true,"priority":2,
        "timeout":1000,"a":-1,"b":1.5,"c":"d","e":false,"f":18446744073709551615},
        "inputs":[{"name":"A","shape":[1,2],"datatype":"INT8","parameters":{"p":1},"data":[1,2]}],
        "outputs":[{"name":"B","parameters":{"classification":3,"binary_data":true,"q":1}},{"name":"C"}]}"#,
    );
    assert_eq!((request.model.as_str(), request.version, request.id.as_str()), ("m", Some(3), "x"));
    assert_eq!(request.correlation_id, CorrelationId::Number(7));
    assert_eq!((request.flags, request.priority, request.timeout_microseconds), (3, 2, 1000));
    let parameters: Vec<_> = request.parameters.iter().map(|(name, value)| (name, value.clone())).collect();
    assert_eq!(
        parameters,
        [
            ("a", Parameter::Int(-1)),
            ("b", Parameter::Double(1.5)),
            ("c", Parameter::String("d".into())),
            ("e", Parameter::Bool(false)),
            ("f", Parameter::Uint(u64::MAX)),
        ]
    );
    assert_eq!(request.inputs[0].shape.as_slice(), [1, 2]);
    assert_eq!(request.inputs[0].payload.to_bytes(), &[1, 2][..]);
    assert_eq!(request.inputs[0].parameters.get("p"), Some(&Parameter::Int(1)));
    let (b, c) = (&request.outputs[0], &request.outputs[1]);
    assert_eq!((b.name.as_str(), b.classification, &b.delivery), ("B", 3, &Delivery::Binary));
    assert_eq!((c.name.as_str(), c.classification, &c.delivery), ("C", 0, &Delivery::Json));
}

#[test]
fn a_sequence_may_be_named_by_a_text() {
    let text = r#"{"parameters":{"sequence_id":"s"},"inputs":[]}"#;
    assert_eq!(request_of(text).correlation_id, CorrelationId::Text("s".into()));
}

#[test]
fn members_may_come_in_any_order() {
    let request = request_of(&input(r#""data":[[1],[2]],"datatype":"INT16","shape":[2],"name":"A""#));
    assert_eq!(request.inputs[0].payload.to_bytes(), &[1, 0, 2, 0][..]);
}

#[test]
fn binary_and_json_tensors_mix_and_binary_ones_are_not_copied() {
    let header = r#"{"inputs":[
        {"name":"A","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}},
        {"name":"B","datatype":"INT8","shape":[1],"data":[7]},
        {"name":"E","datatype":"INT8","shape":[0],"parameters":{"binary_data_size":0}},
        {"name":"C","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]}"#;
    let body = Bytes::from([header.as_bytes(), b"\x05\x06", b"\x02\0\0\0hi"].concat());
    // The body arrives in pieces that respect no boundary.
    let mut payload = Payload::new();
    (0..body.len()).step_by(11).for_each(|at| payload.push(body.slice(at..body.len().min(at + 11))));
    let request = decode(TARGET, payload, Some(header.len())).unwrap().request;
    let contents: Vec<_> = request.inputs.iter().map(|tensor| tensor.payload.to_bytes()).collect();
    assert_eq!(contents, [&b"\x05\x06"[..], b"\x07", b"", b"\x02\0\0\0hi"]);
    let piece = &request.inputs[0].payload.pieces()[0];
    assert!(body.as_ptr_range().contains(&piece.as_ptr()));
}

#[test]
fn mistakes_name_the_tensor_and_what_was_expected() {
    let cases = [
        (
            r#""name":"A","datatype":"INT8","shape":[2],"data":[1]"#,
            "input 'A' for model 'm': its shape asks for 2 elements",
        ),
        (r#""name":"A","datatype":"INT8","shape":[2],"data":[1,2,3]"#, "holds more"),
        (r#""name":"A","datatype":"INT8","shape":[1],"data":[200]"#, "out of range for INT8"),
        (r#""name":"A","datatype":"FP32","shape":[1],"data":["x"]"#, "must be a number, got a string"),
        (r#""name":"A","datatype":"fp32","shape":[1],"data":[1]"#, "datatype 'fp32' is not one of BOOL"),
        (r#""name":"A","datatype":"FP32","shape":[-1],"data":[1]"#, "must not be negative, got -1"),
        (r#""name":"A","datatype":"FP32","shape":[1.5],"data":[1]"#, "must be a whole number, got a number"),
        (r#""name":"A","datatype":"FP32","shape":[99999999999999999999],"data":[1]"#, "below 2^64"),
        (r#""name":"A","datatype":"FP32","shape":[4611686018427387904,4],"data":[1]"#, "too large"),
        (r#""name":"A","datatype":"FP32","shape":[1000000],"data":[1]"#, "--http-max-input-size"),
        (r#""name":"A","datatype":"FP32","shape":[1]"#, "but no field is set"),
        (
            r#""name":"A","datatype":"FP32","shape":[1],"data":[1],"parameters":{"binary_data_size":4}"#,
            "'data' and 'binary_data_size' are set",
        ),
        (
            r#""name":"A","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}"#,
            "says 4 bytes, 0 are left",
        ),
        (r#""name":"A","datatype":"FP32","shape":[1],"data":[1],"data":[1]"#, "'data' is given twice"),
        (r#""name":"A","datatype":"FP32","data":[1]"#, "it has no 'shape'"),
        (r#""name":"A","shape":[1],"data":[1]"#, "it has no 'datatype'"),
        (
            r#""datatype":"FP32","shape":[1],"data":[1]"#,
            "input without a name for model 'm': it has no 'name'",
        ),
        (r#""name":7"#, "'name' must be a string, got a whole number"),
    ];
    for (members, expected) in cases {
        let refusal = refusal_of(&input(members));
        assert!(refusal.contains(expected), "{members}: {refusal}");
    }
}

#[test]
fn mistakes_outside_tensors_are_named_too() {
    let cases = [
        ("", "the request has no body"),
        (" ", "failed to parse the request JSON at line 1"),
        ("{", "failed to parse"),
        ("{\"inputs\":[]} x", "failed to parse"),
        ("[]", "the request must be an object, got an array"),
        ("{}", "has no 'inputs'"),
        ("{\"inputs\":3}", "'inputs' must be an array"),
        ("{\"inputs\":[3]}", "must be an object"),
        ("{\"inputs\":[],\"inputs\":[]}", "twice"),
        ("{\"id\":3}", "'id' must be a string"),
        ("{\"parameters\":7}", "'parameters' must be an object"),
        ("{\"parameters\":{\"x\":[1]}}", "parameter 'x' must be a number"),
        ("{\"parameters\":{\"triton_x\":1}}", "reserved"),
        ("{\"parameters\":{\"sequence_id\":-1}}", "must not be negative"),
        ("{\"parameters\":{\"priority\":\"high\"}}", "'priority' must be a whole number"),
        ("{\"inputs\":[],\"outputs\":[{}]}", "it has no 'name'"),
        ("{\"inputs\":[],\"outputs\":[{\"name\":\"B\",\"parameters\":{\"binary_data\":1}}]}", "output 'B'"),
    ];
    for (text, expected) in cases {
        let refusal = refusal_of(text);
        assert!(refusal.contains(expected), "{text}: {refusal}");
    }
    let nested = format!("{{\"unknown\":{}", "[".repeat(10_000));
    assert!(refusal_of(&nested).contains("recursion limit"));
}

#[test]
fn header_lengths_that_do_not_match_the_body_are_refused() {
    let text = Bytes::from_static(b"{\"inputs\":[]}more");
    let decode_with =
        |length| decode(TARGET, text.clone().into(), Some(length)).unwrap_err().message.into_owned();
    assert!(decode_with(99).contains("in range (0, 17), got: 99"));
    assert!(decode_with(13).contains("unexpected additional input data"));
    assert!(decode_with(5).contains("failed to parse"));
}

fn response(outputs: Vec<Tensor>) -> Response {
    Response { model: "m".into(), version: 3, id: "x".into(), outputs, ..Response::default() }
}

#[test]
fn a_response_is_written_as_triton_writes_it() {
    let floats: Vec<u8> =
        [0.5_f32, f32::NAN, f32::NEG_INFINITY].into_iter().flat_map(f32::to_le_bytes).collect();
    let mut response = response(vec![
        Tensor::new("A", DataType::Fp32, &[1, 3], floats),
        Tensor::new("B", DataType::Int8, &[2], vec![1, 255]),
    ]);
    response.parameters.insert("p", Parameter::Bool(true));
    let deliveries = Deliveries::Each(vec![("A".into(), Delivery::Json), ("B".into(), Delivery::Binary)]);
    let encoded = encode(&response, &deliveries).unwrap();
    let header = concat!(
        r#"{"id":"x","model_name":"m","model_version":"3","parameters":{"p":true},"outputs":["#,
        r#"{"name":"A","datatype":"FP32","shape":[1,3],"data":[0.5,NaN,-Infinity]},"#,
        r#"{"name":"B","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}}]}"#
    );
    assert_eq!(encoded.header_length, Some(header.len()));
    assert_eq!(encoded.into_payload().to_bytes(), [header.as_bytes(), &[1, 255]].concat());
}

#[test]
fn large_outputs_leave_as_the_pieces_they_are() {
    let content = Bytes::from(vec![7; 100_000]);
    let response = response(vec![Tensor::new("A", DataType::Uint8, &[100_000], content.clone())]);
    let encoded = encode(&response, &Deliveries::All { is_binary: true }).unwrap();
    assert_eq!(encoded.rest.len(), 1);
    assert_eq!(encoded.rest[0].as_ptr(), content.as_ptr());
    assert_eq!(encoded.header_length, Some(encoded.head.len()));
}

#[test]
fn an_empty_binary_output_needs_no_header_length() {
    let response = response(vec![Tensor::new("A", DataType::Fp32, &[0], vec![])]);
    let encoded = encode(&response, &Deliveries::All { is_binary: true }).unwrap();
    assert_eq!(encoded.header_length, None);
    assert!(encoded.head.ends_with(br#""parameters":{"binary_data_size":0}}]}"#));
}

#[test]
fn a_body_that_is_missing_is_said_to_be_missing() {
    let error = decode_text("").unwrap_err();
    assert_eq!(error.message, "the request has no body, expected JSON with its 'inputs'");
    assert!(error.hint.is_some_and(|hint| hint.contains("curl -d @")));
}

#[test]
fn bytes_that_are_no_text_are_refused_with_the_way_out() {
    let mut content = Vec::new();
    bytes_tensor::push(&mut content, b"\xff\xfe").unwrap();
    let response = response(vec![Tensor::new("A", DataType::Bytes, &[1], content)]);
    let error = encode(&response, &Deliveries::All { is_binary: false }).unwrap_err();
    assert!(error.full_text().contains("output 'A' of model 'm': element 0"), "{error}");
    assert!(error.full_text().contains("binary_data"));
}

/// A tensor of any datatype, of values that JSON can carry.
fn tensors() -> impl Strategy<Value = Tensor> {
    let datatypes = proptest::sample::select(&DataType::ALL[..]);
    (datatypes, 0_usize..20).prop_flat_map(|(datatype, count)| {
        contents(datatype, count)
            .prop_map(move |content| Tensor::new("A", datatype, &[1, count as i64], content))
    })
}

fn contents(datatype: DataType, count: usize) -> BoxedStrategy<Vec<u8>> {
    let Some(size) = datatype.size() else {
        return proptest::collection::vec(".*", count)
            .prop_map(|texts| {
                let mut content = Vec::new();
                for text in &texts {
                    bytes_tensor::push(&mut content, text.as_bytes()).unwrap();
                }
                content
            })
            .boxed();
    };
    proptest::collection::vec(any::<u8>(), count * size)
        .prop_map(move |mut content| {
            content.chunks_mut(size).for_each(|element| make_plain(datatype, element));
            content
        })
        .boxed()
}

/// Booleans are 0 or 1, and of all the NaNs JSON knows one.
fn make_plain(datatype: DataType, element: &mut [u8]) {
    match datatype {
        DataType::Bool => element[0] &= 1,
        DataType::Fp16 if half::f16::from_le_bytes([element[0], element[1]]).is_nan() => element.fill(0),
        DataType::Bf16 if half::bf16::from_le_bytes([element[0], element[1]]).is_nan() => element.fill(0),
        DataType::Fp32 if f32::from_le_bytes(element.try_into().unwrap()).is_nan() => element.fill(0),
        DataType::Fp64 if f64::from_le_bytes(element.try_into().unwrap()).is_nan() => element.fill(0),
        _ => {}
    }
}

fn as_request(encoded: &str) -> String {
    encoded.replacen("\"outputs\"", "\"inputs\"", 1)
}

proptest! {
    /// For every tensor t: decode(encode(t)) = t, in JSON and in binary alike.
    #[test]
    fn what_is_encoded_decodes_to_itself(tensor in tensors(), is_binary: bool) {
        let response = response(vec![tensor.clone()]);
        let encoded = encode(&response, &Deliveries::All { is_binary }).unwrap();
        let (header, binary) = encoded.head.split_at(encoded.header_length.unwrap_or(encoded.head.len()));
        let header = as_request(std::str::from_utf8(header).unwrap());
        let body = [header.as_bytes(), binary].concat();
        let decoded = decode(TARGET, body.into(), Some(header.len())).unwrap();
        let input = &decoded.request.inputs[0];
        prop_assert_eq!((input.datatype, &input.shape), (tensor.datatype, &tensor.shape));
        prop_assert_eq!(&input.payload, &tensor.payload);
    }

    /// For every run of bytes: decoding ends in a request or in a refusal that blames the client.
    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(body: Vec<u8>, length in proptest::option::of(0_usize..64)) {
        if let Err(error) = decode(TARGET, body.into(), length) {
            prop_assert_eq!(error.code.http_status(), 400);
        }
    }

    /// For every request with any of its bytes changed: decoding ends in a request or in a refusal.
    #[test]
    fn a_damaged_request_is_decoded_or_refused(at in 0_usize..140, byte: u8, cut in 0_usize..140) {
        let mut body = input(r#""name":"A","data":[[1.5,-2e3],[NaN,"\u00e9"]],"shape":[2,2],"datatype":"FP32","parameters":{"a":[]}"#).into_bytes();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        body.truncate(cut);
        if let Err(error) = decode(TARGET, body.into(), None) {
            prop_assert!(matches!(error.code.http_status(), 400 | 501));
        }
    }
}
