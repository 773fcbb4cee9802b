//! Making and ending mounts: directly as root, by `fusermount3` otherwise.

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{getgid, getuid};

use crate::events::replay::Place;

/// What mounts of this kind are called in `/proc/self/mountinfo`, after `fuse.`.
pub const SUBTYPE: &str = "claude-share";

/// The program that mounts for users who may not.
const HELPER: &str = "fusermount3";

/// What a mount is to be like.
#[derive(Clone, Debug)]
pub(crate) struct Wish<'a> {
    /// What it is called in lists of mounts.
    pub(crate) source: &'a str,
    pub(crate) is_read_only: bool,
    /// Other users may use it.
    pub(crate) is_for_others: bool,
}

/// A mount that is there.
#[derive(Debug)]
pub struct Mountpoint {
    /// Absolute, without links.
    directory: PathBuf,
    /// The number by which the kernel calls the connection: the minor number of `st_dev`.
    number: Option<u32>,
}

/// Mounts at `directory`. What is given back is the kernel's side.
///
/// # Errors
/// If it cannot be mounted: no `/dev/fuse`, no directory, or not permitted and no [`HELPER`].
pub(crate) fn mount(directory: &Path, wish: &Wish<'_>) -> io::Result<(OwnedFd, Mountpoint)> {
    let directory = directory.canonicalize()?;
    let device = match mount_directly(&directory, wish) {
        Err(Errno::PERM) => mount_by_helper(&directory, wish)?,
        mounted => mounted?,
    };
    let number = last_mount(&directory);
    Ok((device, Mountpoint { directory, number }))
}

fn mount_directly(directory: &Path, wish: &Wish<'_>) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd as _;
    let device = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let others = if wish.is_for_others {
        ",allow_other"
    } else {
        ""
    };
    let number = device.as_raw_fd();
    let options = format!(
        "fd={number},rootmode=40000,user_id={user},group_id={group},default_permissions{others}"
    );
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    flags.set(MountFlags::RDONLY, wish.is_read_only);
    let kind = format!("fuse.{SUBTYPE}");
    rustix::mount::mount(
        wish.source,
        directory,
        kind.as_str(),
        flags,
        options.as_c_str(),
    )?;
    Ok(device)
}

fn mount_by_helper(directory: &Path, wish: &Wish<'_>) -> io::Result<OwnedFd> {
    let (ours, helpers) = UnixStream::pair()?;
    let write = if wish.is_read_only { "ro" } else { "rw" };
    let others = if wish.is_for_others {
        ",allow_other"
    } else {
        ""
    };
    let source = wish.source.replace('\\', "\\\\").replace(',', "\\,");
    let options = format!(
        "{write},nosuid,nodev,noatime,default_permissions,fsname={source},subtype={SUBTYPE}{others}"
    );
    let mut child = {
        let mut command = Command::new(HELPER);
        command.arg("-o").arg(options).arg("--").arg(directory);
        // It sends the kernel's side over the socket of that number: its standard input.
        command
            .env("_FUSE_COMMFD", "0")
            .stdin(OwnedFd::from(helpers));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{HELPER}: {error}")))?
        // With the command goes this process's copy of the socket: otherwise it would seem open for ever.
    };
    let received = receive(&ours);
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        drop(stderr.read_to_string(&mut said));
    }
    child.wait()?;
    received?.ok_or_else(|| io::Error::other(format!("{HELPER}: {}", said.trim())))
}

/// The descriptor that comes over `socket`; `None` if it ends without.
fn receive(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok(received)
}

impl Mountpoint {
    /// What is mounted at `directory`, which is absolute and without links, if it is a mount of this kind. Asks no file
    /// system.
    #[must_use]
    pub fn find(directory: &Path) -> Option<Self> {
        let number = last_mount(directory).filter(|_| is_of_this_kind(directory));
        number.map(|number| Self {
            directory: directory.to_owned(),
            number: Some(number),
        })
    }

    /// Where it is, absolute and without links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it is, if the kernel's number of it is known.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(Place {
            directory: self.directory.clone(),
            number: self.number?,
        })
    }

    /// Takes it out of the tree of files, whoever uses it. Nothing is done if it is no longer there.
    ///
    /// # Errors
    /// If that is not permitted.
    pub fn detach(&self) -> io::Result<()> {
        // What was mounted there since is not ours to unmount.
        if last_mount(&self.directory).is_none_or(|last| Some(last) != self.number) {
            return Ok(());
        }
        // Forced: whoever waits in the kernel gets an error.
        match rustix::mount::unmount(&self.directory, UnmountFlags::FORCE | UnmountFlags::DETACH) {
            Err(Errno::PERM) => self.detach_by_helper(),
            detached => Ok(detached?),
        }
    }

    fn detach_by_helper(&self) -> io::Result<()> {
        let mut command = Command::new(HELPER);
        command
            .args(["-u", "-z", "--"])
            .arg(&self.directory)
            .stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{HELPER}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }

    /// Breaks the connection: whoever still has something open there gets errors from here on. Whether that could be done:
    /// `fusectl` may not be mounted.
    pub fn abort(&self) -> bool {
        let Some(number) = self.number else {
            return false;
        };
        let file = OpenOptions::new()
            .write(true)
            .open(format!("/sys/fs/fuse/connections/{number}/abort"));
        file.and_then(|mut file| file.write_all(b"1")).is_ok()
    }
}

/// Takes a mount of this kind at `directory` whose process is gone out of the tree of files. Whether there was one.
///
/// # Errors
/// If it cannot be looked at, or that is not permitted.
pub fn detach_dead(directory: &Path) -> io::Result<bool> {
    let may_live = match rustix::fs::lstat(directory) {
        Err(Errno::NOTCONN) => false,
        Err(error) => return Err(error.into()),
        Ok(_) => true,
    };
    // What is dead cannot be resolved; what it is in can.
    let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
        return Ok(false);
    };
    let directory = parent.canonicalize()?.join(name);
    let Some(number) = last_mount(&directory).filter(|_| is_of_this_kind(&directory)) else {
        return Ok(false);
    };
    // The kernel answers the former from what it has kept; this it asks the process, if that is there.
    if may_live && !matches!(rustix::fs::statfs(&directory), Err(Errno::NOTCONN)) {
        return Ok(false);
    }
    let number = Some(number);
    Mountpoint { directory, number }.detach()?;
    Ok(true)
}

/// Whether what was mounted at `directory` last is of [`SUBTYPE`].
fn is_of_this_kind(directory: &Path) -> bool {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mut lines = mounts.split(|&byte| byte == b'\n').rev();
    let last = lines.find(|line| parse(line, directory).is_some());
    let mut fields = last
        .unwrap_or_default()
        .split(|&byte| byte == b' ')
        .skip_while(|field| *field != b"-");
    fields.nth(1) == Some(format!("fuse.{SUBTYPE}").as_bytes())
}

/// The number of what was mounted at `directory` last, if that is a FUSE mount. Asks no file system, so that none can hold
/// it up.
fn last_mount(directory: &Path) -> Option<u32> {
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    let mounts = mounts.split(|&byte| byte == b'\n');
    mounts
        .rev()
        .find_map(|line| parse(line, directory))
        .flatten()
}

/// `Some` if the line is of something at `directory`; in it the number, if it is a FUSE mount. See `proc_pid_mountinfo(5)`.
fn parse(line: &[u8], directory: &Path) -> Option<Option<u32>> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = fields.nth(2)?;
    let at = fields.nth(1)?;
    if unescape(at) != directory.as_os_str().as_bytes() {
        return None;
    }
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let is_fuse = kind == b"fuse" || kind.starts_with(b"fuse.");
    let minor = device
        .split(|&byte| byte == b':')
        .nth(1)
        .and_then(|minor| str::from_utf8(minor).ok()?.parse().ok());
    Some(minor.filter(|_| is_fuse))
}

/// `\040` and the like.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| str::from_utf8(digits).ok());
        let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() {
            after.get(3..).unwrap_or_default()
        } else {
            after
        };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_mount_is_read_from_the_list() {
        let line = br"36 35 0:98 / /mnt/a\040b rw,noatime master:1 - fuse.claude-share claude-share:x rw,user_id=0";
        assert_eq!(parse(line, Path::new("/mnt/a b")), Some(Some(98)));
        assert_eq!(parse(line, Path::new("/mnt/a")), None);
        let other = b"36 35 8:1 / /mnt rw - ext4 /dev/sda1 rw";
        assert_eq!(parse(other, Path::new("/mnt")), Some(None));
        assert_eq!(parse(b"", Path::new("/mnt")), None);
    }
}
