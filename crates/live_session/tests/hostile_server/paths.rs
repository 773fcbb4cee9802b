//! Paths that lead elsewhere cannot be said.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use bytes::Bytes;
use live::files::{Handle, Reply, Request};
use live::message::ToLaptop;
use live::{Lane, Message as _};

use crate::driver::{Laptop, play};
use crate::requests::{on, place};

/// As long as `path`, and nowhere else in a message.
fn placeholder(path: &[u8]) -> Vec<u8> {
    path.iter()
        .enumerate()
        .map(|(at, _)| if at % 200 == 100 { b'/' } else { b'Q' })
        .collect()
}

/// The request that says `path` where `honest` says its placeholder.
fn with_path(honest: Request, path: &[u8]) -> Bytes {
    let mut bytes = ToLaptop::File(1, honest).encode().to_vec();
    let wanted = placeholder(path);
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = bytes[at..]
        .windows(wanted.len())
        .position(|part| part == wanted)
    {
        bytes[at + found..][..path.len()].copy_from_slice(path);
        at += found + path.len();
        count += 1;
    }
    assert!(count > 0);
    bytes.into()
}

async fn say(bytes: Bytes) {
    let laptop = Laptop::new();
    let mut server = laptop.connect().await;
    server.say_bytes(Lane::Metadata, bytes);
    // What came before may still be answered.
    drop(server.hung_up().await);
    laptop.has_given_up().await;
}

#[test]
fn a_path_that_leads_elsewhere_ends_the_session() {
    let long_name = [b"x/", &[b'n'; 256][..]].concat();
    let long_path = b"name/".repeat(1000);
    let paths: [&[u8]; 14] = [
        b"..",
        b"../.ssh/id_ed25519",
        b"../../.ssh/id_ed25519",
        b"x/../../.ssh/id_ed25519",
        b"/etc/passwd",
        b"/",
        b"//etc/passwd",
        b"x//y",
        b"x/",
        b"./x",
        b"x/.",
        b"x\0/y",
        &long_name,
        &long_path,
    ];
    play(async {
        for path in paths {
            // The longest of these cannot be said in a placeholder either.
            let honest = placeholder(&path[..path.len().min(4000)]);
            if honest.len() == path.len() {
                let request = Request::OpenDirectory(place(&honest));
                say(with_path(request, path)).await;
            } else {
                let [short, long] = [4000, path.len()].map(|length| {
                    // As postcard has it: seven bits a byte, the lowest first.
                    [(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]
                });
                let bytes = ToLaptop::File(1, Request::OpenDirectory(place(&honest))).encode();
                let at = bytes.windows(2).position(|part| part == short).unwrap();
                let mut bytes = bytes.to_vec();
                bytes[at..at + 2].copy_from_slice(&long);
                let end = bytes.len() - 1;
                bytes.splice(end..end, vec![b'Q'; path.len() - 4000]);
                say(bytes.into()).await;
            }
        }
    });
}

#[test]
fn no_request_takes_such_a_path() {
    let path = b"../../.ssh/id_ed25519";
    let honest = place(placeholder(path));
    let all = on(&honest, Handle(1), &place("inside"));
    let says_it = |request: &Request| format!("{request:?}").contains("QQQ");
    let requests: Vec<_> = all.into_iter().filter(says_it).collect();
    assert!(requests.len() > 30);
    play(async {
        for request in requests {
            say(with_path(request, path)).await;
        }
    });
}

#[test]
fn names_that_only_look_odd_are_names() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        let names: [&[u8]; 6] = [b"\xff\xfe", b"...", b"..a", b"a\\..\\b", b"~", b"$HOME\n"];
        for name in names {
            let permissions = 0o755;
            let place = place(name);
            let made = server
                .ask(Request::MakeDirectory { place, permissions })
                .await;
            assert!(matches!(made, Ok(Reply::Attributes(_))), "{made:?}");
            let path = laptop.project().join(std::ffi::OsStr::from_bytes(name));
            assert!(fs::symlink_metadata(path).unwrap().is_dir());
        }
        laptop.check().await;
    });
}
