//! What each request asks the laptop, and what it makes of the answer.

use std::ops::Range;

use bytes::Bytes;
use live::RelativePath;
use live::files::{self, Access, Opening, Place, Renaming, Root, Target};
use mount::Owners;
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use crate::attributes::{new_attributes, new_permissions, shown, space};
use crate::handles::{File, Handles, Open};
use crate::listing::Listing;
use crate::order::Claim;
use crate::packets::{LARGEST_READ, Name, Reply, Request};
use crate::status::Status;

/// The most that a write has, in bytes, is what a packet has, which the laptop takes at once.
const _: () = assert!(crate::packets::LONGEST <= files::LARGEST_TRANSFER);

/// Of what is published, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    pub(crate) root: Root,
    pub(crate) owners: Owners,
    pub(crate) is_read_only: bool,
}

/// What is to be done about a request.
pub(crate) enum Plan {
    /// It is answered.
    Answer(Reply),
    /// The laptop is asked when its turn has come.
    Ask(Claim, files::Request, Then),
    /// The next part of a directory is given when its turn has come.
    NextPart(u64),
}

/// What the laptop's answer means.
#[derive(Debug)]
pub(crate) enum Then {
    Done,
    Attributes,
    /// A file was opened.
    Opened {
        appends: bool,
    },
    DirectoryOpened,
    /// The next part of the directory of that number.
    Part(u64),
    Data,
    /// So many bytes are to have been written.
    Written(usize),
    Target,
    Space,
}

/// Plans `request`.
pub(crate) fn plan(
    request: Request,
    handles: &mut Handles,
    published: Published,
) -> Result<Plan, Status> {
    use files::Request as R;
    let place = |path| published.place(path);
    Ok(match request {
        Request::Open {
            path,
            flags,
            attributes,
        } => return open(published.place(&path)?, flags, &attributes, handles),
        Request::OpenDirectory(path) => {
            room(handles)?;
            let place = place(&path)?;
            let claim = looking(&place);
            Plan::Ask(claim, R::OpenDirectory(place), Then::DirectoryOpened)
        }
        Request::ReadDirectory(number) => {
            handles.directory(number)?;
            Plan::NextPart(number)
        }
        Request::Attributes(path) => {
            let place = place(&path)?;
            let claim = looking(&place);
            let target = Target::Place(place);
            Plan::Ask(claim, R::Attributes(target), Then::Attributes)
        }
        Request::SetAttributes(path, attributes) => {
            let place = place(&path)?;
            let claim = changing([&place]);
            let new = new_attributes(&attributes, published.owners)?;
            Plan::Ask(
                claim,
                R::SetAttributes(Target::Place(place), new),
                Then::Done,
            )
        }
        Request::MakeDirectory(path, attributes) => {
            let place = place(&path)?;
            let permissions = new_permissions(&attributes, 0o777);
            let claim = changing([&place]);
            Plan::Ask(claim, R::MakeDirectory { place, permissions }, Then::Done)
        }
        Request::Remove(path) => {
            let place = place(&path)?;
            Plan::Ask(changing([&place]), R::Remove(place), Then::Done)
        }
        Request::RemoveDirectory(path) => {
            let place = place(&path)?;
            Plan::Ask(changing([&place]), R::RemoveDirectory(place), Then::Done)
        }
        Request::Rename { from, to, replaces } => {
            let (from, to) = (place(&from)?, place(&to)?);
            let how = match replaces {
                true => Renaming::Replace,
                false => Renaming::NoReplace,
            };
            let claim = changing([&from, &to]);
            Plan::Ask(claim, R::Rename { from, to, how }, Then::Done)
        }
        Request::MakeLink { target, path } => {
            let place = place(&path)?;
            let claim = changing([&place]);
            Plan::Ask(claim, R::MakeLink { place, target }, Then::Done)
        }
        Request::AddName { of, path } => {
            let (of, place) = (place(&of)?, place(&path)?);
            let claim = changing([&of, &place]);
            Plan::Ask(claim, R::AddName { of, place }, Then::Done)
        }
        Request::ReadLink(path) => {
            let place = place(&path)?;
            Plan::Ask(looking(&place), R::ReadLink(place), Then::Target)
        }
        Request::Space(path) => {
            // Behind everything that changes something: whoever wants to know that it has been done asks for this.
            let everything = published.place(b"/")?;
            let claim = looking(&everything);
            Plan::Ask(claim, R::Space(place(&path)?), Then::Space)
        }
        Request::RealPath(path) => {
            let path = relative(&path)?;
            let whole = Bytes::from([b"/", path.as_bytes()].concat());
            let name = Name::new(whole, FileAttributes::default());
            Plan::Answer(Reply::Names(vec![name]))
        }
        of_handle => return of_open(of_handle, handles, published),
    })
}

/// Plans what is asked of something that is open.
fn of_open(request: Request, handles: &mut Handles, published: Published) -> Result<Plan, Status> {
    use files::Request as R;
    Ok(match request {
        Request::Read {
            handle: number,
            offset,
            length,
        } => {
            let file = handles.file(number)?;
            let length = length.min(LARGEST_READ);
            let claim = file.claim(number, Some(range(offset, length.into())), false);
            let handle = file.handle;
            let read = R::Read {
                handle,
                offset,
                length,
            };
            Plan::Ask(claim, read, Then::Data)
        }
        Request::Write {
            handle: number,
            offset,
            bytes,
        } => {
            let file = handles.file(number)?;
            let written = range(offset, bytes.len() as u64);
            let claim = file.claim(number, Some(written).filter(|_| !file.appends), true);
            let then = Then::Written(bytes.len());
            let handle = file.handle;
            let write = R::Write {
                handle,
                offset,
                bytes,
            };
            Plan::Ask(claim, write, then)
        }
        Request::HandleAttributes(number) => {
            let file = handles.file(number)?;
            let target = Target::Handle(file.handle);
            let claim = file.claim(number, None, false);
            Plan::Ask(claim, R::Attributes(target), Then::Attributes)
        }
        Request::SetHandleAttributes(number, attributes) => {
            let file = handles.file(number)?;
            let new = new_attributes(&attributes, published.owners)?;
            let request = R::SetAttributes(Target::Handle(file.handle), new);
            Plan::Ask(file.claim(number, None, true), request, Then::Done)
        }
        Request::Sync(number) => {
            let file = handles.file(number)?;
            let handle = file.handle;
            let data_only = false;
            // Changes nothing, but what was written before has to be there.
            let claim = file.claim(number, None, true);
            Plan::Ask(claim, R::Sync { handle, data_only }, Then::Done)
        }
        Request::Close(number) => {
            let open = handles.remove(number)?;
            let claim = match &open {
                Open::File(file) => file.closing(number),
                Open::Directory(..) => Claim::Listing(number),
            };
            Plan::Ask(claim, R::Close(open.on_laptop()), Then::Done)
        }
        // Planned by the other function.
        _ => return Err(Status::Unsupported),
    })
}

fn open(
    place: Place,
    flags: OpenFlags,
    attributes: &FileAttributes,
    handles: &Handles,
) -> Result<Plan, Status> {
    room(handles)?;
    let wants = |flag| flags.contains(flag);
    let access = match (wants(OpenFlags::READ), wants(OpenFlags::WRITE)) {
        (true, true) => Access::ReadWrite,
        (false, true) => Access::Write,
        _ => Access::Read,
    };
    let opening = Opening {
        access,
        truncate: wants(OpenFlags::TRUNCATE),
        append: wants(OpenFlags::APPEND),
    };
    let then = Then::Opened {
        appends: opening.append,
    };
    let claim = match wants(OpenFlags::CREATE) || opening.truncate {
        true => changing([&place]),
        false => looking(&place),
    };
    let request = match wants(OpenFlags::CREATE) {
        true => files::Request::Create {
            place,
            permissions: new_permissions(attributes, 0o666),
            opening,
            exclusive: wants(OpenFlags::EXCLUDE),
        },
        false => files::Request::Open(place, opening),
    };
    Ok(Plan::Ask(claim, request, then))
}

/// What `then` makes of an answer.
pub(crate) fn conclude(
    then: &Then,
    answer: files::Reply,
    handles: &mut Handles,
    published: Published,
) -> Concluded {
    use files::Reply as A;
    Concluded::Reply(match (then, answer) {
        (Then::Done, _) => Reply::Status(Status::Done),
        (Then::Attributes, A::Attributes(attributes)) => {
            Reply::Attributes(shown(&attributes, published.owners))
        }
        (
            Then::Opened { appends },
            A::Opened { handle, attributes }
            | A::Created {
                handle, attributes, ..
            },
        ) => {
            let (identity, appends) = (attributes.identity, *appends);
            let file = File {
                handle,
                identity,
                appends,
            };
            return keep(Open::File(file), handles);
        }
        (Then::DirectoryOpened, A::Opened { handle, .. }) => {
            return keep(Open::Directory(handle, Listing::new()), handles);
        }
        (Then::Part(number), A::Entries { entries, is_last }) => match handles.directory(*number) {
            Ok((_, listing)) => {
                listing.add(entries, is_last, published.owners);
                // Nothing, though there is more: it is asked for again.
                listing.next().unwrap_or(Reply::Names(Vec::new()))
            }
            Err(status) => Reply::Status(status),
        },
        (Then::Data, A::Bytes(bytes)) if bytes.is_empty() => Reply::Status(Status::End),
        (Then::Data, A::Bytes(bytes)) => Reply::Data(bytes),
        (Then::Written(length), A::Count(count)) => Reply::Status(match count == *length as u64 {
            true => Status::Done,
            // There was room for a part.
            false => Status::NoSpace,
        }),
        (Then::Target, A::Bytes(target)) => {
            Reply::Names(vec![Name::new(target, FileAttributes::default())])
        }
        (Then::Space, A::Space(found)) => Reply::Space(space(&found, published.is_read_only)),
        _ => Reply::Status(Status::NoMedia),
    })
}

/// What comes of an answer.
pub(crate) enum Concluded {
    Reply(Reply),
    /// It was opened for nobody: the laptop has to close it.
    Unwanted(files::Handle),
}

fn keep(open: Open, handles: &mut Handles) -> Concluded {
    match handles.keep(open) {
        Ok(number) => Concluded::Reply(Reply::Handle(number)),
        Err(open) => Concluded::Unwanted(open.on_laptop()),
    }
}

impl Published {
    fn place(&self, path: &[u8]) -> Result<Place, Status> {
        let path = relative(path)?;
        Ok(Place {
            root: self.root,
            path,
            identity: None,
        })
    }
}

/// A path from the mount's root, as sshfs has them, or `.`.
fn relative(path: &[u8]) -> Result<RelativePath, Status> {
    match path {
        b"" | b"." => Ok(RelativePath::root()),
        [b'/', below @ ..] => Ok(RelativePath::new(below)?),
        _ => Err(Status::PermissionDenied),
    }
}

fn room(handles: &Handles) -> Result<(), Status> {
    match handles.is_full() {
        true => Err(Status::Failure),
        false => Ok(()),
    }
}

fn range(offset: u64, length: u64) -> Range<u64> {
    offset..offset.saturating_add(length)
}

fn looking(place: &Place) -> Claim {
    Claim::Names {
        names: vec![place.path.clone()],
        changes: false,
    }
}

fn changing<const COUNT: usize>(places: [&Place; COUNT]) -> Claim {
    Claim::Names {
        names: places.map(|place| place.path.clone()).to_vec(),
        changes: true,
    }
}

impl File {
    fn claim(&self, number: u64, range: Option<Range<u64>>, changes: bool) -> Claim {
        Claim::File {
            handle: number,
            file: self.identity,
            range,
            changes,
            closes: false,
        }
    }

    fn closing(&self, number: u64) -> Claim {
        Claim::File {
            handle: number,
            file: self.identity,
            range: None,
            changes: false,
            closes: true,
        }
    }
}

#[cfg(test)]
mod tests;
