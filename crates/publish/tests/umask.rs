//! Permissions are exact, whatever the process's umask. Alone in its file: a umask is the whole process's.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use common::*;
use live::files::{Kind, Request};

#[test]
fn permissions_are_exact_whatever_the_umask() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let mask = |bits| rustix::process::umask(rustix::fs::Mode::from_raw_mode(bits));
        for (number, (umask, permissions)) in [
            (0o777, 0o666),
            (0o022, 0o777),
            (0, 0o600),
            (0o077, 0o4),
            (0o277, 0o1775),
        ]
        .into_iter()
        .enumerate()
        {
            let name = |kind: &str| place(format!("{kind}-{number}"));
            let node = |kind| Request::MakeNode {
                place: name(&format!("{kind:?}")),
                kind,
                permissions,
            };
            let before = mask(umask);
            let made = [
                home.attributes(Request::MakeDirectory {
                    place: name("directory"),
                    permissions,
                }),
                home.attributes(node(Kind::File)),
                home.attributes(node(Kind::Pipe)),
                home.attributes(node(Kind::Socket)),
                home.opened(Request::Create {
                    place: name("created"),
                    permissions,
                    opening: READ_WRITE,
                    exclusive: true,
                })
                .1,
            ];
            assert_eq!(
                mask(before.as_raw_mode()).as_raw_mode(),
                umask,
                "the umask itself stays"
            );
            for (made, kind) in made
                .iter()
                .zip(["directory", "File", "Pipe", "Socket", "created"])
            {
                assert_eq!(made.permissions, permissions, "{kind}");
                assert_eq!(*made, home.agrees(format!("{kind}-{number}")));
            }
        }
    }
}
