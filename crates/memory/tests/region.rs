//! Regions over real shared memory objects.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::process;

use trilith_memory::{Object, Region};

/// An object that is removed when dropped.
struct Owned {
    name: String,
    file: File,
}

impl Owned {
    fn create(purpose: &str, content: &[u8]) -> Self {
        let name = format!("trilith-test-{}-{purpose}", process::id());
        let path = format!("/dev/shm/{name}");
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
        file.write_all(content).unwrap();
        Self { name, file }
    }

    fn map(&self) -> std::sync::Arc<Region> {
        let object = Object::open(&format!("/{}", self.name)).unwrap();
        object.map(0, object.size() as usize).unwrap()
    }

    fn content(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        self.file.seek(SeekFrom::Start(0)).unwrap();
        self.file.read_to_end(&mut content).unwrap();
        content
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(format!("/dev/shm/{}", self.name));
    }
}

#[test]
fn a_view_shows_what_the_client_wrote_and_writes_reach_the_client() {
    let mut owned = Owned::create("both-ways", b"0123456789");
    let object = Object::open(&owned.name).unwrap();
    assert_eq!(object.size(), 10);
    let region = object.map(3, 5).unwrap();
    assert_eq!(region.view(1, 3).unwrap(), &b"456"[..]);
    region.write(0, [&b"a"[..], b"bc"]).unwrap();
    assert_eq!(owned.content(), b"012abc6789");
}

#[test]
fn a_view_keeps_the_memory_after_region_and_object_are_gone() {
    let owned = Owned::create("kept", b"0123456789");
    let view = owned.map().view(2, 3).unwrap();
    drop(owned);
    assert_eq!(view, &b"234"[..]);
}

#[test]
fn ranges_outside_are_refused() {
    let owned = Owned::create("outside", &[7; 100]);
    let object = Object::open(&owned.name).unwrap();
    for (offset, length) in [(0, 101), (100, 1), (1, 100), (u64::MAX, 1), (0, 0)] {
        assert!(object.map(offset, length).is_err(), "{offset} {length}");
    }
    let region = object.map(0, 100).unwrap();
    for (offset, length) in [(0, 101), (100, 1), (usize::MAX, 2), (2, usize::MAX)] {
        assert!(region.view(offset, length).is_err(), "{offset} {length}");
    }
    assert!(region.view(100, 0).unwrap().is_empty());
    assert!(region.write(99, [&b"ab"[..]]).is_err());
}

#[test]
fn names_that_are_no_objects_are_refused() {
    for name in ["", "/", "..", "../etc/passwd", "/../etc/passwd", "a/b", ".", "trilith-test-missing", "a\0b"]
    {
        assert!(Object::open(name).is_err(), "{name}");
    }
}

#[test]
fn links_are_not_followed() {
    let name = format!("trilith-test-{}-link", process::id());
    let path = format!("/dev/shm/{name}");
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    let opened = Object::open(&name);
    std::fs::remove_file(path).unwrap();
    assert!(opened.is_err());
}

#[test]
fn memory_that_was_cut_off_is_refused_and_nothing_dies() {
    let owned = Owned::create("cut", &vec![7; 100_000]);
    let region = owned.map();
    let early = region.view(0, 100_000).unwrap();
    owned.file.set_len(0).unwrap();
    assert!(region.view(50_000, 10).unwrap_err().to_string().contains("cut short"));
    assert!(early.iter().all(|byte| *byte == 0));
    assert!(region.write(0, [&b"abc"[..]]).is_err());
    assert!(region.require().is_err());
}

#[test]
fn memory_that_is_cut_off_while_it_is_read_is_noticed() {
    let owned = Owned::create("race", &vec![7; 8 << 20]);
    let region = owned.map();
    let view = region.view(0, 8 << 20).unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let view = view.clone();
            std::thread::spawn(move || {
                (0..20).map(|_| view.iter().map(|byte| u64::from(*byte)).sum::<u64>()).last()
            })
        })
        .collect();
    owned.file.set_len(4096).unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(region.view(0, 8 << 20).is_err());
    assert!(region.require().is_err());
}

#[test]
fn one_lost_region_leaves_others_alone() {
    let lost = Owned::create("lost", &[1; 10_000]);
    let whole = Owned::create("whole", &[2; 10_000]);
    let (lost_region, whole_region) = (lost.map(), whole.map());
    lost.file.set_len(0).unwrap();
    assert!(lost_region.view(0, 10_000).is_err());
    assert_eq!(whole_region.view(0, 10_000).unwrap(), vec![2; 10_000]);
}

#[test]
fn a_piece_of_the_region_may_be_written_over_itself() {
    let mut owned = Owned::create("overlap", b"0123456789");
    let region = owned.map();
    let piece = region.view(0, 8).unwrap();
    assert!(region.holds(&piece));
    region.write(2, [&piece[..]]).unwrap();
    assert_eq!(owned.content(), b"0101234567");
}
