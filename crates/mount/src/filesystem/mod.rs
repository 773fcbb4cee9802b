//! The kernel's requests, one module for each subject. Nothing here waits: what the laptop has to be asked for is
//! answered when its answer comes, on whatever thread that is.

pub(crate) mod ahead;
mod attributes;
mod contents;
mod directories;
mod extended_attributes;
mod locks;
pub(crate) mod looking;
mod names;
mod opening;
mod renaming;
mod replayed;
mod settling;
mod streams;
mod writing;

pub(crate) use writing::ask_for_all_held;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fuser::{
    BsdFileFlags, CopyFileRangeFlags, FileHandle, Filesystem, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLock, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use live::files::LARGEST_TRANSFER;

use crate::errors::to_kernel;
use crate::nodes::NodeId;
use crate::opened::OpenId;
use crate::pending::Waiter;
use crate::shared::Shared;

/// Node numbers are not used again while the kernel knows them, so one generation is enough.
const GENERATION: Generation = Generation(0);
/// How many requests the kernel may have going by itself, such as reading ahead.
const BACKGROUND: u16 = 64;

/// What the kernel's requests are given to.
pub(crate) struct LaptopFiles(pub(crate) Arc<Shared>);

fn waiter(request: &Request) -> Waiter {
    Waiter(request.pid())
}

fn node(number: INodeNo) -> NodeId {
    NodeId(number.0)
}

fn open_id(handle: FileHandle) -> OpenId {
    OpenId(handle.0)
}

/// What the kernel is to do, as far as it can.
///
/// Not `FUSE_WRITEBACK_CACHE`: the kernel would trust its own sizes and times. Not `FUSE_FLOCK_LOCKS`: `flock` works
/// among the server's programs. `FUSE_AUTO_INVAL_DATA`: contents go when attributes come that tell of others, in the same
/// moment; what comes without being asked for is told by the invalidator.
const WANTED: [InitFlags; 9] = [
    InitFlags::FUSE_POSIX_LOCKS,
    InitFlags::FUSE_ATOMIC_O_TRUNC,
    InitFlags::FUSE_AUTO_INVAL_DATA,
    InitFlags::FUSE_DO_READDIRPLUS,
    InitFlags::FUSE_PARALLEL_DIROPS,
    InitFlags::FUSE_HANDLE_KILLPRIV_V2,
    InitFlags::FUSE_CACHE_SYMLINKS,
    InitFlags::FUSE_HAS_EXPIRE_ONLY,
    InitFlags::FUSE_ASYNC_DIO,
];

impl Filesystem for LaptopFiles {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for flag in WANTED {
            // An older kernel does without.
            config.add_capabilities(flag).ok();
        }
        // Too large, or too small, is refused with what is possible; what was set before is possible.
        config.set_max_write(LARGEST_TRANSFER).ok();
        config.set_max_background(BACKGROUND).ok();
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (waiter, parent, name) = (waiter(request), node(parent), name.to_owned());
        let Some(reply) = replayed::look_up(&self.0, waiter, (parent, &name), reply) else {
            return;
        };
        let child = self.0.table().nodes.child(parent, &name);
        writing::after(&self.0, waiter, child, reply, move |shared, reply| {
            names::look_up(shared, waiter, parent, &name, reply);
        });
    }

    fn forget(&self, _request: &Request, ino: INodeNo, count: u64) {
        self.0.table().nodes.forget(node(ino), count);
    }

    fn getattr(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        let (waiter, node) = (waiter(request), node(ino));
        writing::after(&self.0, waiter, Some(node), reply, move |shared, reply| {
            attributes::get(shared, waiter, node, handle.map(open_id), reply);
        });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let wanted = attributes::Wanted {
            mode,
            user: uid,
            group: gid,
            size,
            accessed,
            modified,
        };
        let (waiter, node) = (waiter(request), node(ino));
        let Some(reply) = replayed::set(&self.0, waiter, node, reply) else {
            return;
        };
        let through = handle.map(open_id);
        attributes::set_after_writing(&self.0, waiter, node, through, wanted, reply);
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        names::read_link(&self.0, waiter(request), node(ino), reply);
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        let at = (node(parent), name);
        let Some(reply) = replayed::make(&self.0, waiter(request), at, reply) else {
            return;
        };
        names::make_node(&self.0, waiter(request), node(parent), name, mode, reply);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let at = (node(parent), name);
        let Some(reply) = replayed::make(&self.0, waiter(request), at, reply) else {
            return;
        };
        names::make_directory(&self.0, waiter(request), node(parent), name, mode, reply);
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let at = (node(parent), name);
        let Some(reply) = replayed::remove(&self.0, waiter(request), at, reply) else {
            return;
        };
        names::remove(&self.0, waiter(request), node(parent), name, false, reply);
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let at = (node(parent), name);
        let Some(reply) = replayed::remove(&self.0, waiter(request), at, reply) else {
            return;
        };
        names::remove(&self.0, waiter(request), node(parent), name, true, reply);
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let at = (node(parent), name);
        let Some(reply) = replayed::make(&self.0, waiter(request), at, reply) else {
            return;
        };
        names::make_link(&self.0, waiter(request), node(parent), name, target, reply);
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = ((node(parent), name), (node(new_parent), new_name));
        let Some(reply) = replayed::rename(&self.0, waiter(request), from, to, reply) else {
            return;
        };
        renaming::rename(&self.0, waiter(request), from, to, flags, reply);
    }

    fn link(
        &self,
        request: &Request,
        ino: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        let (waiter, parent, name) = (waiter(request), node(parent), name.to_owned());
        writing::after(
            &self.0,
            waiter,
            Some(node(ino)),
            reply,
            move |shared, reply| {
                names::add_name(shared, waiter, node(ino), parent, &name, reply);
            },
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (waiter, node) = (waiter(request), node(ino));
        let Some(reply) = replayed::open(&self.0, waiter, node, reply) else {
            return;
        };
        writing::after(&self.0, waiter, Some(node), reply, move |shared, reply| {
            opening::open(shared, waiter, node, flags.0, reply);
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        opening::create(
            &self.0,
            waiter(request),
            node(parent),
            name,
            mode,
            flags,
            reply,
        );
    }

    fn release(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        let node = Some(node(ino));
        writing::after(
            &self.0,
            waiter(request),
            node,
            reply,
            move |shared, reply| {
                opening::release(shared, open_id(handle), reply);
            },
        );
    }

    fn flush(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        let (waiter, id) = (waiter(request), open_id(handle));
        writing::after(
            &self.0,
            waiter,
            Some(node(ino)),
            reply,
            move |shared, reply| match writing::take_error(shared, id) {
                Some(error) => reply.error(to_kernel(error)),
                None => locks::give_back(shared, waiter, id, owner.0, reply),
            },
        );
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let (waiter, node) = (waiter(request), node(ino));
        writing::after(&self.0, waiter, Some(node), reply, move |shared, reply| {
            contents::read(shared, waiter, (node, open_id(handle)), offset, size, reply);
        });
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (node, end) = (node(ino), offset.saturating_add(data.len() as u64));
        self.0.table().nodes.written(node, &(offset..end));
        writing::write(
            &self.0,
            waiter(request),
            (node, open_id(handle)),
            (offset, Bytes::copy_from_slice(data)),
            write_flags.contains(WriteFlags::FUSE_WRITE_CACHE),
            reply,
        );
    }

    fn fsync(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        data_only: bool,
        reply: ReplyEmpty,
    ) {
        let (waiter, id) = (waiter(request), open_id(handle));
        writing::after(
            &self.0,
            waiter,
            Some(node(ino)),
            reply,
            move |shared, reply| match writing::take_error(shared, id) {
                Some(error) => reply.error(to_kernel(error)),
                None => contents::sync(shared, waiter, id, data_only, reply),
            },
        );
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let (waiter, node, id) = (waiter(request), node(ino), open_id(handle));
        let range = offset..offset.saturating_add(length);
        writing::after(&self.0, waiter, Some(node), reply, move |shared, reply| {
            contents::allocate(shared, waiter, node, id, range, mode, reply);
        });
    }

    fn lseek(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let (waiter, id) = (waiter(request), open_id(handle));
        writing::after(
            &self.0,
            waiter,
            Some(node(ino)),
            reply,
            move |shared, reply| {
                contents::seek(shared, waiter, id, offset, whence, reply);
            },
        );
    }

    fn copy_file_range(
        &self,
        request: &Request,
        ino_in: INodeNo,
        handle_in: FileHandle,
        offset_in: u64,
        ino_out: INodeNo,
        handle_out: FileHandle,
        offset_out: u64,
        length: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let from = (open_id(handle_in), offset_in);
        let to = (open_id(handle_out), offset_out);
        let (waiter, source, target) = (waiter(request), node(ino_in), node(ino_out));
        writing::after(
            &self.0,
            waiter,
            Some(source),
            reply,
            move |shared, reply| {
                writing::after(shared, waiter, Some(target), reply, move |shared, reply| {
                    contents::copy(shared, waiter, from, target, to, length, reply);
                });
            },
        );
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let Some(reply) = settling::open(&self.0, waiter(request), reply) else {
            return;
        };
        opening::open_directory(&self.0, waiter(request), node(ino), reply);
    }

    fn readdir(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let reply = directories::Listed::Names(reply);
        directories::list(&self.0, waiter(request), open_id(handle), offset, reply);
    }

    fn readdirplus(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        reply: ReplyDirectoryPlus,
    ) {
        let reply = directories::Listed::Entries(reply);
        directories::list(&self.0, waiter(request), open_id(handle), offset, reply);
    }

    fn releasedir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        let Some(reply) = settling::close(&self.0, handle, reply) else {
            return;
        };
        opening::release(&self.0, open_id(handle), reply);
    }

    fn fsyncdir(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        data_only: bool,
        reply: ReplyEmpty,
    ) {
        contents::sync(&self.0, waiter(request), open_id(handle), data_only, reply);
    }

    fn statfs(&self, request: &Request, ino: INodeNo, reply: ReplyStatfs) {
        attributes::space(&self.0, waiter(request), node(ino), reply);
    }

    fn setxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        extended_attributes::set(
            &self.0,
            waiter(request),
            node(ino),
            name,
            value,
            flags,
            reply,
        );
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        extended_attributes::get(&self.0, waiter(request), node(ino), name, size, reply);
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        extended_attributes::list(&self.0, waiter(request), node(ino), size, reply);
    }

    fn removexattr(&self, request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        extended_attributes::remove(&self.0, waiter(request), node(ino), name, reply);
    }

    fn getlk(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        _pid: u32,
        reply: ReplyLock,
    ) {
        locks::test(
            &self.0,
            waiter(request),
            open_id(handle),
            locks::wanted(owner.0, start..=end, kind),
            reply,
        );
    }

    fn setlk(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        _pid: u32,
        sleep: bool,
        reply: ReplyEmpty,
    ) {
        let lock = locks::wanted(owner.0, start..=end, kind);
        let (waiter, id) = (waiter(request), open_id(handle));
        // Whoever has the lock next is to find what was written.
        writing::after(
            &self.0,
            waiter,
            Some(node(ino)),
            reply,
            move |shared, reply| {
                locks::set(shared, waiter, id, lock, sleep, reply);
            },
        );
    }
}
