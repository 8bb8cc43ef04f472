//! What a request to an ensemble is answered: tensors of its steps, as outputs of its own.

use trilith_core::{Request, Response, Result};

use crate::ensemble::graph::Graph;
use crate::ensemble::piece::{Piece, fit};
use crate::ensemble::progress::Given;
use crate::model::ModelSpec;
use crate::outputs;

/// Makes the response of tensors by number. They are checked against the ensemble's signature, put in the order and
/// selection that was requested, and classified where that was asked for.
pub(crate) fn compose(
    (spec, graph): (&ModelSpec, &Graph),
    request: &Request,
    rows: u32,
    pieces: Vec<(usize, Given<Piece>)>,
) -> Result<Response> {
    let signature = &spec.signature;
    let given: Vec<_> = pieces.into_iter().filter_map(|(tensor, piece)| Some((tensor, piece?))).collect();
    let mark = given.iter().find_map(|(_, piece)| piece.mark.clone());
    let mut tensors = Vec::with_capacity(given.len());
    for (number, piece) in given {
        let mut tensor = piece.tensor;
        tensor.name.clone_from(&graph.tensors[number]);
        if let Some(output) = signature.output(&tensor.name) {
            let dims = output.reshape.as_ref().unwrap_or(&output.dims);
            fit(&mut tensor.shape, piece.rows, dims, signature.is_batched());
        }
        tensors.push(tensor);
    }
    outputs::check(signature, &mut tensors, rows as usize)?;
    Ok(Response {
        model: signature.model.clone(),
        version: signature.version,
        id: request.id.clone(),
        parameters: mark.map(|mark| mark.parameters()).unwrap_or_default(),
        outputs: outputs::select(signature, request, tensors, spec.decoupled)?,
    })
}
