//! A tensor on its way from one step of an ensemble to the next.

use std::sync::Arc;

use trilith_core::request::flags;
use trilith_core::tensor::Shape;
use trilith_core::{CorrelationId, Error, Parameter, Parameters, Response, Result, Tensor};

use crate::matching::fits;

/// Parameters of responses by which a model tells the steps behind it which sequence they serve.
const SEQUENCE_ID: &str = "sequence_id";
const SEQUENCE_START: &str = "sequence_start";
const SEQUENCE_END: &str = "sequence_end";

/// A tensor, and what is known of the request that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub tensor: Tensor,
    /// How many rows the request had that it came from; 0 where its model has no batch dimension.
    pub rows: u32,
    /// The sequence that it belongs to; `None` for what the client sent.
    pub mark: Option<Arc<Mark>>,
}

/// Which sequence a request belongs to, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub correlation_id: CorrelationId,
    pub flags: u32,
}

impl Mark {
    /// What a response says of its sequence, or that of the request where it says nothing.
    pub(crate) fn of(response: &Response, request: &Self) -> Result<Self> {
        let parameters = &response.parameters;
        let id = match parameters.get(SEQUENCE_ID) {
            None => None,
            Some(Parameter::Int(number)) => Some(CorrelationId::Number(number.cast_unsigned())),
            Some(Parameter::Uint(number)) => Some(CorrelationId::Number(*number)),
            Some(Parameter::String(text)) => Some(CorrelationId::Text(text.clone())),
            Some(_) => return Err(wrong_type(SEQUENCE_ID, "an integer or a string")),
        };
        let start = flag(parameters, SEQUENCE_START)?;
        let end = flag(parameters, SEQUENCE_END)?;
        if id.is_none() && start.is_none() && end.is_none() {
            return Ok(request.clone());
        }
        let mut flags = 0;
        if start == Some(true) {
            flags |= flags::SEQUENCE_START;
        }
        if end == Some(true) {
            flags |= flags::SEQUENCE_END;
        }
        Ok(Self { correlation_id: id.unwrap_or_else(|| request.correlation_id.clone()), flags })
    }

    /// The parameters that say it.
    pub(crate) fn parameters(&self) -> Parameters {
        let id = match &self.correlation_id {
            CorrelationId::Number(number) => Parameter::Int(number.cast_signed()),
            CorrelationId::Text(text) => Parameter::String(text.clone()),
        };
        let has = |flag: u32| Parameter::Bool(self.flags & flag != 0);
        let entries = [
            (SEQUENCE_ID, id),
            (SEQUENCE_START, has(flags::SEQUENCE_START)),
            (SEQUENCE_END, has(flags::SEQUENCE_END)),
        ];
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(wrong_type(name, "true or false")),
    }
}

fn wrong_type(name: &str, expected: &str) -> Error {
    Error::model(format!("the response's parameter '{name}' must be {expected}"))
}

/// Adds a batch dimension of one, or takes it off, where the giver has one and the taker has not or the other way
/// round, and the tensor fits in no other way. `dims` are the taker's, without a batch dimension.
pub(crate) fn fit(shape: &mut Shape, rows: u32, dims: &[i64], is_batched: bool) {
    if is_batched == (rows > 0) {
        return;
    }
    let as_it_is = fits(shape, dims);
    if is_batched && as_it_is {
        shape.insert(0, 1);
    } else if !is_batched && !as_it_is && rows == 1 && !shape.is_empty() {
        shape.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(shape: &[i64], rows: u32, dims: &[i64], is_batched: bool) -> Shape {
        let mut shape = Shape::from_slice(shape);
        fit(&mut shape, rows, dims, is_batched);
        shape
    }

    #[test]
    fn a_batch_dimension_comes_and_goes_between_models_that_differ_in_it() {
        assert_eq!(fitted(&[1, 4], 1, &[4], false).as_slice(), [4]);
        assert_eq!(fitted(&[4], 0, &[4], true).as_slice(), [1, 4]);
        // What fits as it is stays: rows are the first dimension of the other model.
        assert_eq!(fitted(&[3, 4], 3, &[-1, 4], false).as_slice(), [3, 4]);
        assert_eq!(fitted(&[3, 4], 0, &[4], true).as_slice(), [3, 4]);
        assert_eq!(fitted(&[3, 4], 3, &[4], true).as_slice(), [3, 4]);
        // Several rows are no single tensor; the model says so.
        assert_eq!(fitted(&[2, 4], 2, &[4], false).as_slice(), [2, 4]);
    }

    #[test]
    fn a_response_may_lead_the_steps_behind_it_into_another_sequence() {
        let request = Mark { correlation_id: CorrelationId::Number(7), flags: flags::SEQUENCE_START };
        let plain = Mark::of(&Response::default(), &request).unwrap();
        assert_eq!(plain, request);
        let mut response = Response::default();
        response.parameters.insert(SEQUENCE_END, Parameter::Bool(true));
        let ended = Mark::of(&response, &request).unwrap();
        assert_eq!(ended, Mark { flags: flags::SEQUENCE_END, ..request.clone() });
        response.parameters.insert(SEQUENCE_ID, Parameter::String("x".into()));
        assert_eq!(Mark::of(&response, &request).unwrap().correlation_id, CorrelationId::Text("x".into()));
        response.parameters.insert(SEQUENCE_START, Parameter::Int(1));
        assert!(Mark::of(&response, &request).unwrap_err().message.contains("sequence_start"));
    }
}
