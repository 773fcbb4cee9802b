//! What sshfs says and is answered: SFTP version 3, with OpenSSH's extensions.
//!
//! The packets are `russh-sftp`'s, but for those with names: there they are strings, so that one that is not UTF-8 would be
//! another one's. Here names are bytes.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use russh_sftp::extensions::{FSYNC, HARDLINK, STATVFS, Statvfs};
use russh_sftp::protocol::{
    Attrs, Data, FileAttributes, Handle, OpenFlags, Packet, VERSION, Version,
};
use russh_sftp::{de, ser};
use serde::{Deserialize, Serialize};

use crate::status::Status;

/// The longest packet without its length, in bytes: as OpenSSH's server has it (`SFTP_MAX_MSG_LENGTH`).
pub(crate) const LONGEST: u32 = 256 << 10;
/// The most that is read at once, in bytes, so that the answer is no longer than that.
pub(crate) const LARGEST_READ: u32 = LONGEST - 1024;

/// Renames over what is there, which version 3 does not.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Numbers of packets (draft-ietf-secsh-filexfer-02, section 3).
mod number {
    pub(super) const OPEN: u8 = 3;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const SETSTAT: u8 = 9;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const RMDIR: u8 = 15;
    pub(super) const REALPATH: u8 = 16;
    pub(super) const STAT: u8 = 17;
    pub(super) const RENAME: u8 = 18;
    pub(super) const READLINK: u8 = 19;
    pub(super) const SYMLINK: u8 = 20;
    pub(super) const STATUS: u8 = 101;
    pub(super) const NAME: u8 = 104;
    pub(super) const EXTENDED: u8 = 200;
    pub(super) const EXTENDED_REPLY: u8 = 201;
}

/// What is asked. Paths are as they came: nobody has checked them.
#[derive(Debug)]
pub(crate) enum Request {
    Open {
        path: Bytes,
        flags: OpenFlags,
        attributes: FileAttributes,
    },
    Close(u64),
    Read {
        handle: u64,
        offset: u64,
        length: u32,
    },
    Write {
        handle: u64,
        offset: u64,
        bytes: Bytes,
    },
    /// Links are not followed: on the laptop none is, ever.
    Attributes(Bytes),
    HandleAttributes(u64),
    SetAttributes(Bytes, FileAttributes),
    SetHandleAttributes(u64, FileAttributes),
    OpenDirectory(Bytes),
    ReadDirectory(u64),
    Remove(Bytes),
    MakeDirectory(Bytes, FileAttributes),
    RemoveDirectory(Bytes),
    RealPath(Bytes),
    Rename {
        from: Bytes,
        to: Bytes,
        replaces: bool,
    },
    ReadLink(Bytes),
    MakeLink {
        target: Bytes,
        path: Bytes,
    },
    AddName {
        of: Bytes,
        path: Bytes,
    },
    Sync(u64),
    Space(Bytes),
}

/// What has come.
#[derive(Debug)]
pub(crate) enum Came {
    /// The first packet. Whatever version it offers, it gets 3.
    Hello,
    Request(u32, Request),
    /// Something that is answered with that.
    Refused(u32, Status),
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Status(Status),
    Handle(u64),
    Data(Bytes),
    Names(Vec<Name>),
    Attributes(FileAttributes),
    Space(Statvfs),
}

/// An entry of a directory, or what a link says.
#[derive(Debug, Serialize)]
pub(crate) struct Name {
    pub(crate) name: Bytes,
    /// A line of `ls -l`, which sshfs does not look at.
    long_name: Bytes,
    pub(crate) attributes: FileAttributes,
}

impl Name {
    pub(crate) fn new(name: Bytes, attributes: FileAttributes) -> Self {
        Self {
            name,
            long_name: Bytes::new(),
            attributes,
        }
    }
}

#[derive(Deserialize)]
struct Opening {
    id: u32,
    path: Bytes,
    flags: OpenFlags,
    attributes: FileAttributes,
}

#[derive(Deserialize)]
struct OfPath {
    id: u32,
    path: Bytes,
}

#[derive(Deserialize)]
struct WithAttributes {
    id: u32,
    path: Bytes,
    attributes: FileAttributes,
}

#[derive(Deserialize)]
struct OfPaths {
    id: u32,
    one: Bytes,
    other: Bytes,
}

#[derive(Deserialize)]
struct Pair(Bytes, Bytes);

#[derive(Serialize)]
struct Told<'a> {
    id: u32,
    status: u32,
    message: &'a str,
    language: &'a str,
}

#[derive(Serialize)]
struct Names {
    id: u32,
    names: Vec<Name>,
}

#[derive(Serialize)]
struct Extended {
    id: u32,
    space: Statvfs,
}

/// What `packet`, without its length, says.
pub(crate) fn decode(packet: Bytes) -> Came {
    // The number of whatever cannot be read otherwise.
    let id = packet.get(1..5).map_or(0, |mut bytes| bytes.get_u32());
    match parse(packet) {
        Ok(Some(came)) => came,
        Ok(None) => Came::Refused(id, Status::Unsupported),
        Err(_) => Came::Refused(id, Status::BadMessage),
    }
}

type Parsed<T> = Result<T, Unreadable>;

/// What is wrong with it does not matter to anybody.
struct Unreadable;

fn read<'a, T: Deserialize<'a>>(bytes: &'a mut Bytes) -> Parsed<T> {
    de::from_bytes(bytes).map_err(|_| Unreadable)
}

/// `None` if it is nothing that is asked here.
fn parse(mut packet: Bytes) -> Parsed<Option<Came>> {
    let kind = *packet.first().ok_or(Unreadable)?;
    let mut body = packet.slice(1..);
    let of_path = |body: &mut Bytes, make: fn(Bytes) -> Request| {
        read(body).map(|OfPath { id, path }| Some(Came::Request(id, make(path))))
    };
    let with_attributes = |body: &mut Bytes, make: fn(Bytes, FileAttributes) -> Request| {
        let read = read(body);
        read.map(|with: WithAttributes| {
            Some(Came::Request(with.id, make(with.path, with.attributes)))
        })
    };
    match kind {
        number::OPEN => {
            let Opening {
                id,
                path,
                flags,
                attributes,
            } = read(&mut body)?;
            let open = Request::Open {
                path,
                flags,
                attributes,
            };
            Ok(Some(Came::Request(id, open)))
        }
        number::LSTAT | number::STAT => of_path(&mut body, Request::Attributes),
        number::OPENDIR => of_path(&mut body, Request::OpenDirectory),
        number::REMOVE => of_path(&mut body, Request::Remove),
        number::RMDIR => of_path(&mut body, Request::RemoveDirectory),
        number::REALPATH => of_path(&mut body, Request::RealPath),
        number::READLINK => of_path(&mut body, Request::ReadLink),
        number::SETSTAT => with_attributes(&mut body, Request::SetAttributes),
        number::MKDIR => with_attributes(&mut body, Request::MakeDirectory),
        number::RENAME => {
            let OfPaths {
                id,
                one: from,
                other: to,
            } = read(&mut body)?;
            let replaces = false;
            Ok(Some(Came::Request(
                id,
                Request::Rename { from, to, replaces },
            )))
        }
        number::SYMLINK => {
            // The other way round than the draft has it: as OpenSSH's server, and so as every client.
            let OfPaths {
                id,
                one: target,
                other: path,
            } = read(&mut body)?;
            Ok(Some(Came::Request(id, Request::MakeLink { target, path })))
        }
        number::EXTENDED => extended(&mut body),
        _ => of_handle(Packet::try_from(&mut packet).map_err(|_| Unreadable)?),
    }
}

fn extended(body: &mut Bytes) -> Parsed<Option<Came>> {
    let OfPath { id, path: name } = read(body)?;
    let request = match str::from_utf8(&name) {
        Ok(POSIX_RENAME) => {
            let Pair(from, to) = read(body)?;
            let replaces = true;
            Request::Rename { from, to, replaces }
        }
        Ok(HARDLINK) => {
            let Pair(of, path) = read(body)?;
            Request::AddName { of, path }
        }
        Ok(STATVFS) => Request::Space(read(body)?),
        Ok(FSYNC) => Request::Sync(handle(&read::<Bytes>(body)?)?),
        _ => return Ok(None),
    };
    Ok(Some(Came::Request(id, request)))
}

/// Those that have no names.
fn of_handle(packet: Packet) -> Parsed<Option<Came>> {
    let (id, request) = match packet {
        Packet::Init(_) => return Ok(Some(Came::Hello)),
        Packet::Close(close) => (close.id, Request::Close(handle(close.handle.as_bytes())?)),
        Packet::Read(read) => {
            let (offset, length) = (read.offset, read.len);
            let handle = handle(read.handle.as_bytes())?;
            let read_request = Request::Read {
                handle,
                offset,
                length,
            };
            (read.id, read_request)
        }
        Packet::Write(write) => {
            let (offset, bytes) = (write.offset, Bytes::from(write.data));
            let handle = handle(write.handle.as_bytes())?;
            let write_request = Request::Write {
                handle,
                offset,
                bytes,
            };
            (write.id, write_request)
        }
        Packet::Fstat(of) => (
            of.id,
            Request::HandleAttributes(handle(of.handle.as_bytes())?),
        ),
        Packet::FSetStat(set) => {
            let handle = handle(set.handle.as_bytes())?;
            (set.id, Request::SetHandleAttributes(handle, set.attrs))
        }
        Packet::ReadDir(of) => (of.id, Request::ReadDirectory(handle(of.handle.as_bytes())?)),
        _ => return Ok(None),
    };
    Ok(Some(Came::Request(id, request)))
}

fn handle(bytes: &[u8]) -> Parsed<u64> {
    let text = str::from_utf8(bytes).map_err(|_| Unreadable)?;
    text.parse().map_err(|_| Unreadable)
}

/// The answer to the first packet, with its length.
pub(crate) fn hello() -> Bytes {
    let extensions = [
        (POSIX_RENAME, "1"),
        (STATVFS, "2"),
        (HARDLINK, "1"),
        (FSYNC, "1"),
    ];
    let extensions = extensions.map(|(name, version)| (name.to_owned(), version.to_owned()));
    let version = Version {
        version: VERSION,
        extensions: extensions.into(),
    };
    whole(0, Bytes::try_from(Packet::Version(version)).ok())
}

/// `reply` with its length. One that cannot be written, of which there is none, is a failure.
pub(crate) fn encode(id: u32, reply: Reply) -> Bytes {
    let russh = |packet| Bytes::try_from(packet).ok();
    let packet = match reply {
        Reply::Status(status) => Some(told(id, status)),
        Reply::Handle(handle) => {
            let handle = handle.to_string();
            russh(Packet::Handle(Handle { id, handle }))
        }
        Reply::Data(bytes) => {
            let data = bytes.into();
            russh(Packet::Data(Data { id, data }))
        }
        Reply::Attributes(attrs) => russh(Packet::Attrs(Attrs { id, attrs })),
        Reply::Names(names) => framed(number::NAME, &Names { id, names }),
        Reply::Space(space) => framed(number::EXTENDED_REPLY, &Extended { id, space }),
    };
    whole(id, packet)
}

fn whole(id: u32, packet: Option<Bytes>) -> Bytes {
    packet.unwrap_or_else(|| told(id, Status::Failure))
}

fn told(id: u32, status: Status) -> Bytes {
    let told = Told {
        id,
        status: status.number(),
        message: "",
        language: "",
    };
    framed(number::STATUS, &told).unwrap_or_default()
}

fn framed(kind: u8, body: &impl Serialize) -> Option<Bytes> {
    let body = ser::to_bytes(body).ok()?;
    let mut packet = BytesMut::with_capacity(body.len() + 5);
    packet.put_u32(u32::try_from(body.len() + 1).ok()?);
    packet.put_u8(kind);
    packet.put_slice(&body);
    Some(packet.freeze())
}

#[cfg(test)]
mod tests;
