//! What the other end of a live session says: what can be understood says the same when it is said again, and no path in
//! it leads anywhere but down.
#![no_main]

use libfuzzer_sys::fuzz_target;
use live::Message;
use live::commands::Order;
use live::control::Request as Wish;
use live::files::{Change, Request, Target};
use live::message::{ToLaptop, ToServer};
use live::programs::Directory;

fn again<M: Message + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let encoded = message.encode();
    assert_eq!(M::decode(&encoded).as_ref(), Ok(&message));
    assert_eq!(message.lane(), M::decode(&encoded).map(|again| again.lane()).unwrap());
    Some(message)
}

fn leads_down(path: &live::RelativePath) {
    assert!(!path.as_bytes().contains(&0) && !path.as_bytes().starts_with(b"/"));
    assert!(path.names().all(|name| name != "." && name != ".."));
    assert_eq!(live::RelativePath::new(path.as_bytes()).as_ref(), Ok(path));
}

fuzz_target!(|bytes: &[u8]| {
    match again(bytes) {
        Some(ToLaptop::File(_, request)) => match request {
            Request::Attributes(Target::Place(place)) | Request::Remove(place) => leads_down(&place.path),
            Request::Rename { from, to, .. } => [from, to].iter().for_each(|place| leads_down(&place.path)),
            _ => {}
        },
        Some(ToLaptop::Command(_, Order::Start(start))) => leads_down(&start.directory),
        _ => {}
    }
    match again(bytes) {
        Some(ToServer::Changed(changes)) => {
            for change in &changes {
                if let Change::At { path, .. } | Change::Anything { path, .. } = change {
                    leads_down(path);
                }
            }
        }
        Some(ToServer::Control(_, Wish::Start(start))) => {
            if let Directory::Mount(_, path) = &start.directory {
                leads_down(path);
            }
        }
        _ => {}
    }
});
