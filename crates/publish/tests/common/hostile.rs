//! What must not be reached, and every request that might try.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use live::files::{
    Kind, NewAttributes, NewTime, Opening, Renaming, Request, Setting, Target, Time,
};

use super::{Home, READ, READ_WRITE, Snapshot, permissions, place, put, snapshot};

pub const SECRET: &[u8] = b"SECRET";

pub const TRUNCATE: Opening = Opening {
    truncate: true,
    ..READ_WRITE
};

/// Outside: `file`, `directory/file` and an empty directory, all with a mode that nobody would choose.
pub fn fill_outside(home: &Home) -> Snapshot {
    let outside = home.outside();
    fs::create_dir_all(outside.join("directory")).unwrap();
    fs::create_dir_all(outside.join("empty")).unwrap();
    for name in ["file", "victim", "directory/file"] {
        put(&outside.join(name), SECRET);
        let mode = fs::Permissions::from_mode(0o604);
        fs::set_permissions(outside.join(name), mode).unwrap();
    }
    snapshot(&outside)
}

/// Everything that can be asked about what is below `directory`, on names that are there and names that are not.
pub fn everything_below(directory: &str) -> Vec<Request> {
    let at = |name: &str| place(format!("{directory}/{name}"));
    let on = |name: &str| Target::Place(at(name));
    let new = NewAttributes {
        permissions: Some(0o777),
        size: Some(1),
        modified: Some(NewTime::At(Time {
            seconds: 1,
            nanoseconds: 1,
        })),
        ..NewAttributes::default()
    };
    vec![
        Request::Attributes(on("file")),
        Request::SetAttributes(on("file"), new),
        Request::SetAttributes(on("directory"), permissions(0o777)),
        Request::ReadLink(at("link")),
        Request::MakeDirectory {
            place: at("made"),
            permissions: 0o777,
        },
        Request::MakeNode {
            place: at("node"),
            kind: Kind::File,
            permissions: 0o777,
        },
        Request::MakeNode {
            place: at("pipe"),
            kind: Kind::Pipe,
            permissions: 0o777,
        },
        Request::MakeLink {
            place: at("new-link"),
            target: "x".into(),
        },
        Request::AddName {
            of: at("file"),
            place: place("inside/added"),
        },
        Request::AddName {
            of: place("inside/file"),
            place: at("added"),
        },
        Request::Rename {
            from: at("file"),
            to: place("inside/taken"),
            how: Renaming::Replace,
        },
        Request::Rename {
            from: place("inside/second"),
            to: at("file"),
            how: Renaming::Replace,
        },
        Request::Rename {
            from: place("inside/file"),
            to: at("file"),
            how: Renaming::Exchange,
        },
        Request::Remove(at("victim")),
        Request::RemoveDirectory(at("empty")),
        Request::Open(at("file"), READ),
        Request::Open(at("file"), TRUNCATE),
        Request::Create {
            place: at("created"),
            permissions: 0o666,
            opening: READ_WRITE,
            exclusive: true,
        },
        Request::Create {
            place: at("file"),
            permissions: 0o666,
            opening: TRUNCATE,
            exclusive: false,
        },
        Request::OpenDirectory(at("directory")),
        Request::Space(at("file")),
        Request::ExtendedAttributes(on("file")),
        Request::ExtendedAttribute {
            target: on("file"),
            name: "user.a".into(),
        },
        Request::SetExtendedAttribute {
            target: on("file"),
            name: "user.a".into(),
            value: "x".into(),
            how: Setting::CreateOrReplace,
        },
        Request::RemoveExtendedAttribute {
            target: on("file"),
            name: "user.a".into(),
        },
    ]
}
