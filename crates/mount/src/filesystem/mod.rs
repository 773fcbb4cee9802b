//! The kernel's requests, one module for each subject. Nothing here waits: what the laptop has to be asked for is
//! answered when its answer comes, on whatever thread that is.

mod attributes;
mod contents;
mod directories;
mod extended_attributes;
mod locks;
mod names;
mod opening;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, FileHandle, Filesystem, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLock, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use live::files::LARGEST_TRANSFER;

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
        names::look_up(&self.0, waiter(request), node(parent), name, reply);
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
        attributes::get(
            &self.0,
            waiter(request),
            node(ino),
            handle.map(open_id),
            reply,
        );
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
        attributes::set(
            &self.0,
            waiter(request),
            node(ino),
            handle.map(open_id),
            wanted,
            reply,
        );
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
        names::make_directory(&self.0, waiter(request), node(parent), name, mode, reply);
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        names::remove(&self.0, waiter(request), node(parent), name, false, reply);
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
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
        names::rename(&self.0, waiter(request), from, to, flags, reply);
    }

    fn link(
        &self,
        request: &Request,
        ino: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        names::add_name(
            &self.0,
            waiter(request),
            node(ino),
            node(parent),
            name,
            reply,
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        opening::open(&self.0, waiter(request), node(ino), flags.0, reply);
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
        _request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        opening::release(&self.0, open_id(handle), reply);
    }

    fn flush(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        locks::give_back(&self.0, waiter(request), open_id(handle), owner.0, reply);
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
        contents::read(
            &self.0,
            waiter(request),
            node(ino),
            open_id(handle),
            offset,
            size,
            reply,
        );
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        contents::write(
            &self.0,
            waiter(request),
            node(ino),
            open_id(handle),
            offset,
            data,
            reply,
        );
    }

    fn fsync(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        data_only: bool,
        reply: ReplyEmpty,
    ) {
        contents::sync(&self.0, waiter(request), open_id(handle), data_only, reply);
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
        contents::allocate(
            &self.0,
            waiter(request),
            node(ino),
            open_id(handle),
            offset..offset.saturating_add(length),
            mode,
            reply,
        );
    }

    fn lseek(
        &self,
        request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        contents::seek(
            &self.0,
            waiter(request),
            open_id(handle),
            offset,
            whence,
            reply,
        );
    }

    fn copy_file_range(
        &self,
        request: &Request,
        _ino_in: INodeNo,
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
        contents::copy(
            &self.0,
            waiter(request),
            from,
            node(ino_out),
            to,
            length,
            reply,
        );
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
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
        _ino: INodeNo,
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
        locks::set(
            &self.0,
            waiter(request),
            open_id(handle),
            lock,
            sleep,
            reply,
        );
    }
}
