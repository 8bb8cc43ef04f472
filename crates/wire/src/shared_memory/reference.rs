//! What a request says of where a tensor lies.

use trilith_core::{Delivery, Error, Parameter, Parameters, RequestedOutput, Result};

/// Names the region.
const REGION: &str = "shared_memory_region";
/// Says where in the region the tensor begins; 0 if it does not say.
const OFFSET: &str = "shared_memory_offset";
/// Says how many bytes it takes, or may take.
const BYTE_SIZE: &str = "shared_memory_byte_size";

/// A part of a region, by the region's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Name of the region.
    pub region: String,
    /// Where it begins in the region.
    pub offset: u64,
    /// Bytes in it.
    pub byte_size: u64,
}

impl Reference {
    /// Takes the parameters that place a tensor out of those that it came with; `None` if there are none.
    pub fn take(parameters: &mut Parameters) -> Result<Option<Self>> {
        if parameters.is_empty() {
            return Ok(None);
        }
        let (region, offset, byte_size) =
            (parameters.remove(REGION), parameters.remove(OFFSET), parameters.remove(BYTE_SIZE));
        let region = match (region, &offset, &byte_size) {
            (Some(Parameter::String(region)), _, _) => region,
            (Some(other), _, _) => {
                return Err(Error::invalid(format!("'{REGION}' must be a string, {other} was given")));
            }
            (None, None, None) => return Ok(None),
            (None, Some(_), _) => return Err(alone(OFFSET)),
            (None, None, Some(_)) => return Err(alone(BYTE_SIZE)),
        };
        let offset = offset.map_or(Ok(0), |offset| whole(OFFSET, &offset))?;
        let byte_size = byte_size.ok_or_else(|| {
            Error::invalid(format!("'{BYTE_SIZE}' must be specified along with '{REGION}'"))
        })?;
        Ok(Some(Self { region, offset, byte_size: whole(BYTE_SIZE, &byte_size)? }))
    }
}

fn alone(name: &str) -> Error {
    Error::invalid(format!("'{name}' can not be specified without '{REGION}'"))
}

fn whole(name: &str, value: &Parameter) -> Result<u64> {
    let number = match value {
        Parameter::Uint(number) => Some(*number),
        Parameter::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        Error::invalid(format!("'{name}' must be a whole number from 0 up, {value} was given"))
    })
}

/// The tensors of one request that lie in shared memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Inputs, by their position in the request.
    pub inputs: Vec<(usize, Reference)>,
    /// Outputs, by name.
    pub outputs: Vec<(String, Reference)>,
}

impl References {
    /// Whether no tensor lies there.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty()
    }

    /// Notes where an output is to be placed, if its parameters say so, and takes those out.
    ///
    /// Fails if it is also to travel in another way. `binary` says whether it is to be sent as binary data.
    pub fn add_output(&mut self, output: &mut RequestedOutput) -> Result<()> {
        let Some(reference) = Reference::take(&mut output.parameters)? else { return Ok(()) };
        let other = match output.delivery {
            Delivery::Binary => "binary_data",
            _ if output.classification > 0 => "classification",
            _ => {
                output.delivery = Delivery::SharedMemory;
                self.outputs.push((output.name.clone(), reference));
                return Ok(());
            }
        };
        Err(Error::invalid(format!("Output can't set both '{REGION}' and '{other}'")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(values: &[(&str, Parameter)]) -> Parameters {
        values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn what_places_a_tensor_is_taken_out_and_the_rest_stays() {
        let mut given = parameters(&[
            ("mine", Parameter::Bool(true)),
            (BYTE_SIZE, Parameter::Int(16)),
            (REGION, Parameter::String("r".into())),
        ]);
        let reference = Reference::take(&mut given).unwrap();
        assert_eq!(reference, Some(Reference { region: "r".into(), offset: 0, byte_size: 16 }));
        assert_eq!(given, parameters(&[("mine", Parameter::Bool(true))]));
        assert_eq!(Reference::take(&mut given).unwrap(), None);
    }

    #[test]
    fn what_is_incomplete_or_no_number_is_named() {
        let region = || (REGION, Parameter::String("r".into()));
        let cases = [
            (vec![region()], "'shared_memory_byte_size' must be specified"),
            (vec![(BYTE_SIZE, Parameter::Int(1))], "'shared_memory_byte_size' can not be specified without"),
            (vec![(OFFSET, Parameter::Int(1))], "'shared_memory_offset' can not be specified without"),
            (vec![(REGION, Parameter::Int(1))], "must be a string, 1 was given"),
            (vec![region(), (BYTE_SIZE, Parameter::Int(-1))], "from 0 up, -1 was given"),
            (vec![region(), (BYTE_SIZE, Parameter::String("x".into()))], "from 0 up, x was given"),
        ];
        for (given, expected) in cases {
            let error = Reference::take(&mut parameters(&given)).unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
