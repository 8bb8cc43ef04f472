//! Regions by name and tensors placed in them, over memory of a double.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use proptest::prelude::*;
use trilith_core::{Code, DataType, Error, Request, Response, Result, Tensor};
use trilith_wire::shared_memory::{
    Kind, Memory, Opener, Origin, Placements, Reference, References, SharedMemory,
};

/// A client's memory, counting up from 0.
struct Bench {
    content: Mutex<Vec<u8>>,
    is_gone: AtomicBool,
}

impl Memory for Bench {
    fn view(&self, offset: usize, length: usize) -> Result<Bytes> {
        self.require()?;
        Ok(Bytes::copy_from_slice(&self.content.lock().unwrap()[offset..offset + length]))
    }

    fn write(&self, offset: usize, pieces: &[Bytes]) -> Result<()> {
        self.require()?;
        let content = pieces.concat();
        self.content.lock().unwrap()[offset..offset + content.len()].copy_from_slice(&content);
        Ok(())
    }

    fn holds(&self, _: &[u8]) -> bool {
        true
    }

    fn require(&self) -> Result<()> {
        if self.is_gone.load(Ordering::SeqCst) { Err(Error::invalid("gone")) } else { Ok(()) }
    }
}

/// Opens benches, and remembers them as long as someone holds them.
#[derive(Clone, Default)]
struct Workshop(Arc<Mutex<Vec<Weak<Bench>>>>);

impl Workshop {
    fn memory(&self) -> SharedMemory {
        SharedMemory::new(true, Box::new(self.clone()))
    }

    fn latest(&self) -> Weak<Bench> {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn open(&self, byte_size: u64) -> Arc<Bench> {
        let content = (0..byte_size).map(|position| position as u8).collect();
        let bench = Arc::new(Bench { content: Mutex::new(content), is_gone: AtomicBool::new(false) });
        self.0.lock().unwrap().push(Arc::downgrade(&bench));
        bench
    }
}

impl Opener for Workshop {
    fn open_system(&self, key: &str, _: u64, byte_size: u64) -> Result<Arc<dyn Memory>> {
        if key == "missing" {
            return Err(Error::invalid("no such object"));
        }
        Ok(self.open(byte_size))
    }

    fn open_cuda(&self, _: &[u8], _: u64, byte_size: u64) -> Result<Arc<dyn Memory>> {
        Ok(self.open(byte_size))
    }
}

fn names(memory: &SharedMemory, kind: Kind) -> Vec<String> {
    memory.status(kind, None).unwrap().into_iter().map(|status| status.name).collect()
}

fn part(region: &str, offset: u64, byte_size: u64) -> Reference {
    Reference { region: region.into(), offset, byte_size }
}

fn request(datatype: DataType, elements: i64) -> Request {
    let inputs = vec![Tensor::new("IN", datatype, &[elements], vec![])];
    Request { model: "m".into(), inputs, ..Request::default() }
}

fn reads(reference: Reference) -> References {
    References { inputs: vec![(0, reference)], outputs: vec![] }
}

fn writes(outputs: &[(&str, Reference)]) -> References {
    let outputs = outputs.iter().map(|(name, reference)| ((*name).to_owned(), reference.clone()));
    References { inputs: vec![], outputs: outputs.collect() }
}

fn response(outputs: &[(&str, &[u8])]) -> Response {
    let tensor = |(name, content): &(&str, &[u8])| {
        Tensor::new(*name, DataType::Uint8, &[content.len() as i64], content.to_vec())
    };
    Response { model: "m".into(), outputs: outputs.iter().map(tensor).collect(), ..Response::default() }
}

#[test]
fn each_kind_lists_and_forgets_its_own_regions() {
    let memory = Workshop::default().memory();
    memory.register_system("b", "/key", 4, 8).unwrap();
    memory.register_system("a", "key", 0, 8).unwrap();
    memory.register_cuda("gpu", &[0; 64], 1, 16).unwrap();
    assert_eq!(names(&memory, Kind::System), ["a", "b"]);
    assert_eq!(names(&memory, Kind::Cuda), ["gpu"]);
    let status = memory.status(Kind::System, Some("b")).unwrap().remove(0);
    assert_eq!((status.byte_size, status.origin), (8, Origin::System { key: "/key".into(), offset: 4 }));
    assert_eq!(memory.status(Kind::Cuda, Some("b")).unwrap_err().code, Code::NotFound);
    assert_eq!(memory.status(Kind::System, Some("none")).unwrap_err().code, Code::NotFound);
    memory.unregister(Kind::Cuda, Some("a")).unwrap();
    memory.unregister(Kind::System, Some("none")).unwrap();
    memory.unregister(Kind::System, Some("a")).unwrap();
    assert_eq!(names(&memory, Kind::System), ["b"]);
    memory.unregister(Kind::System, None).unwrap();
    assert!(names(&memory, Kind::System).is_empty());
    assert_eq!(names(&memory, Kind::Cuda), ["gpu"]);
}

#[test]
fn what_cannot_be_registered_is_refused_with_its_reason() {
    let memory = Workshop::default().memory();
    memory.register_system("taken", "key", 0, 8).unwrap();
    let refusals = [
        (memory.register_system("taken", "key", 0, 8), Code::AlreadyExists, "'taken' already"),
        (memory.register_cuda("taken", &[0; 64], 0, 8), Code::AlreadyExists, "'taken' already"),
        (memory.register_system("", "key", 0, 8), Code::InvalidArgument, "'region name' is necessary"),
        (memory.register_system("r", "key", 0, 0), Code::InvalidArgument, "must be 1 or more"),
        (memory.register_system("r", "missing", 0, 8), Code::InvalidArgument, "region 'r': no such object"),
        (memory.register_cuda("r", &[0; 63], 0, 8), Code::InvalidArgument, "64 bytes, 63 were given"),
        (
            memory.register_system("r", "//triton_python_backend_shm_region_0", 0, 8),
            Code::InvalidArgument,
            "reserved",
        ),
    ];
    for (refused, code, expected) in refusals {
        let error = refused.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    assert_eq!(names(&memory, Kind::System), ["taken"]);
}

#[test]
fn a_server_that_does_not_allow_it_says_how_to_allow_it() {
    let memory = SharedMemory::new(false, Box::new(Workshop::default()));
    let mut request = request(DataType::Uint8, 4);
    let refusals = [
        memory.register_system("r", "key", 0, 8),
        memory.register_cuda("r", &[0; 64], 0, 8),
        memory.unregister(Kind::System, None),
        Placements::resolve(&memory, reads(part("r", 0, 4)), &mut request).map(drop),
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        assert_eq!(error.code, Code::Unimplemented);
        assert!(error.full_text().contains("--allow-client-shm=true"), "{error}");
    }
    assert!(memory.status(Kind::System, None).unwrap().is_empty());
}

#[test]
fn a_region_in_use_lives_until_its_last_request_ends() {
    let workshop = Workshop::default();
    let memory = workshop.memory();
    memory.register_system("r", "key", 0, 8).unwrap();
    let held = workshop.latest();
    let placements =
        Placements::resolve(&memory, writes(&[("OUT", part("r", 0, 8))]), &mut Request::default()).unwrap();
    memory.unregister(Kind::System, Some("r")).unwrap();
    memory.register_system("r", "key", 0, 8).unwrap();
    placements.settle(&mut response(&[("OUT", b"ab")])).unwrap();
    assert_eq!(held.upgrade().unwrap().content.lock().unwrap()[..3], *b"ab\x02");
    drop(placements);
    assert!(held.upgrade().is_none());
}

#[test]
fn outputs_are_written_in_place_and_leave_the_response() {
    for kind in [Kind::System, Kind::Cuda] {
        let workshop = Workshop::default();
        let memory = workshop.memory();
        match kind {
            Kind::System => memory.register_system("r", "key", 0, 8).unwrap(),
            Kind::Cuda => memory.register_cuda("r", &[0; 64], 0, 8).unwrap(),
        }
        let mut request = request(DataType::Uint8, 2);
        let references =
            References { inputs: vec![(0, part("r", 2, 2))], outputs: vec![("OUT".into(), part("r", 4, 4))] };
        let placements = Placements::resolve(&memory, references, &mut request).unwrap();
        assert_eq!(request.inputs[0].payload.to_bytes(), &[2, 3][..]);
        let mut answer = response(&[("OUT", b"xyz"), ("OTHER", b"o")]);
        placements.settle(&mut answer).unwrap();
        let bench = workshop.latest().upgrade().unwrap();
        assert_eq!(*bench.content.lock().unwrap(), b"\0\x01\x02\x03xyz\x07");
        assert!(answer.outputs[0].payload.is_empty());
        assert_eq!(answer.outputs[1].payload.to_bytes(), &b"o"[..]);
    }
}

#[test]
fn an_output_that_does_not_fit_names_both_sizes() {
    let memory = Workshop::default().memory();
    memory.register_system("r", "key", 0, 8).unwrap();
    let references = writes(&[("OUT", part("r", 0, 2))]);
    let placements = Placements::resolve(&memory, references, &mut Request::default()).unwrap();
    let error = placements.settle(&mut response(&[("OUT", b"abc")])).unwrap_err();
    assert!(error.message.contains("(2 bytes) should be at least 3 bytes"), "{error}");
}

#[test]
fn an_answer_made_from_memory_that_has_gone_is_not_given() {
    let workshop = Workshop::default();
    let memory = workshop.memory();
    memory.register_system("r", "key", 0, 8).unwrap();
    let mut request = request(DataType::Uint8, 4);
    let placements = Placements::resolve(&memory, reads(part("r", 0, 4)), &mut request).unwrap();
    workshop.latest().upgrade().unwrap().is_gone.store(true, Ordering::SeqCst);
    let error = placements.settle(&mut response(&[("OUT", b"ab")])).unwrap_err();
    assert_eq!(error.message, "shared memory region 'r': gone");
    let error = Placements::resolve(&memory, reads(part("r", 0, 4)), &mut request).map(drop).unwrap_err();
    assert_eq!(error.message, "input 'IN' of model 'm': shared memory region 'r': gone");
}

proptest! {
    /// Whatever part of a region is referred to: it is what is read, or the reference is refused.
    #[test]
    fn parts_are_read_exactly_or_refused(
        offset in prop_oneof![0..20_u64, any::<u64>()],
        byte_size in prop_oneof![0..20_u64, any::<u64>()],
    ) {
        let memory = Workshop::default().memory();
        memory.register_system("r", "key", 3, 16).unwrap();
        let mut request = request(DataType::Uint8, 1);
        let found = Placements::resolve(&memory, reads(part("r", offset, byte_size)), &mut request);
        if offset < 16 && byte_size <= 16 - offset {
            prop_assert!(found.is_ok());
            let expected: Vec<u8> = (offset..offset + byte_size).map(|position| position as u8).collect();
            prop_assert_eq!(&request.inputs[0].payload.to_bytes()[..], &expected);
        } else {
            prop_assert!(found.is_err());
        }
    }
}
