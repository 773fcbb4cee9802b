//! Contents of open files.

use bytes::Bytes;
use live::files::{
    Access, Allocation, Handle, LARGEST_TRANSFER, NewAttributes, Reply, Seeking, Target,
};
use rustix::fs::{FallocateFlags, SeekFrom, copy_file_range, fallocate, fdatasync, fsync, seek};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};

use super::Service;

/// The most that is copied in one request: its thread is not to be gone for long.
const LARGEST_COPY: u64 = 64 << 20;

impl Service {
    pub(super) fn read(&self, handle: Handle, offset: u64, length: u32) -> Result<Reply, Errno> {
        let file = self.handles.get(handle)?;
        let (descriptor, ..) = file.file()?;
        let mut bytes = vec![0; length.min(LARGEST_TRANSFER) as usize];
        let mut done = 0;
        while done < bytes.len() {
            let position = offset.checked_add(done as u64).ok_or(Errno::INVAL)?;
            match retry_on_intr(|| pread(descriptor, &mut bytes[done..], position)) {
                Ok(0) => break,
                Ok(count) => done += count,
                // Also after some bytes: fewer than were asked for would mean the end.
                Err(error) => return Err(error),
            }
        }
        // What is kept until it is sent is not to be larger than what was read.
        let bytes = match done < bytes.len() / 2 {
            true => Bytes::copy_from_slice(&bytes[..done]),
            false => Bytes::from(bytes).slice(..done),
        };
        Ok(Reply::Bytes(bytes))
    }

    /// Fewer are written than were given where there are more than [`LARGEST_TRANSFER`], or after an error.
    pub(super) fn write(&self, handle: Handle, offset: u64, bytes: &[u8]) -> Result<Reply, Errno> {
        let file = self.handles.get_to_change(handle)?;
        let (descriptor, ..) = file.file()?;
        let bytes = &bytes[..bytes.len().min(LARGEST_TRANSFER as usize)];
        let mut done = 0;
        loop {
            let position = offset.checked_add(done as u64).ok_or(Errno::FBIG)?;
            match retry_on_intr(|| pwrite(descriptor, &bytes[done..], position)) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            if done >= bytes.len() {
                break;
            }
        }
        Ok(Reply::Count(done as u64))
    }

    /// What was written before an error stays.
    pub(super) fn write_and_set(
        &self,
        handle: Handle,
        offset: u64,
        bytes: &[u8],
        new: &NewAttributes,
    ) -> Result<Reply, Errno> {
        if bytes.len() > LARGEST_TRANSFER as usize {
            return Err(Errno::INVAL);
        }
        let mut done = 0;
        while done < bytes.len() {
            let position = offset.checked_add(done as u64).ok_or(Errno::FBIG)?;
            match self.write(handle, position, &bytes[done..])? {
                Reply::Count(count @ 1..) => done += count as usize,
                _ => return Err(Errno::IO),
            }
        }
        self.set_attributes(&Target::Handle(handle), new)
    }

    pub(super) fn sync(&self, handle: Handle, data_only: bool) -> Result<Reply, Errno> {
        let file = self.handles.get(handle)?;
        match data_only {
            true => fdatasync(file.descriptor())?,
            false => fsync(file.descriptor())?,
        }
        Ok(Reply::Done)
    }

    pub(super) fn allocate(
        &self,
        handle: Handle,
        offset: u64,
        length: u64,
        how: Allocation,
    ) -> Result<Reply, Errno> {
        let file = self.handles.get_to_change(handle)?;
        let (descriptor, ..) = file.file()?;
        let flags = match how {
            Allocation::Allocate => FallocateFlags::empty(),
            Allocation::KeepSize => FallocateFlags::KEEP_SIZE,
            Allocation::PunchHole => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            Allocation::Zero { keep_size: false } => FallocateFlags::ZERO_RANGE,
            Allocation::Zero { keep_size: true } => {
                FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE
            }
        };
        retry_on_intr(|| fallocate(descriptor, flags, offset, length))?;
        Ok(Reply::Done)
    }

    pub(super) fn seek(&self, handle: Handle, offset: u64, what: Seeking) -> Result<Reply, Errno> {
        let file = self.handles.get(handle)?;
        let (descriptor, ..) = file.file()?;
        let found = match what {
            Seeking::Data => seek(descriptor, SeekFrom::Data(offset))?,
            Seeking::Hole => seek(descriptor, SeekFrom::Hole(offset))?,
        };
        Ok(Reply::Offset(found))
    }

    /// Fewer than were asked for where those are very many.
    pub(super) fn copy(
        &self,
        (from, mut from_offset): (Handle, u64),
        (to, mut to_offset): (Handle, u64),
        length: u64,
    ) -> Result<Reply, Errno> {
        let from = self.handles.get(from)?;
        let to = self.handles.get_to_change(to)?;
        let (from, from_access, _) = from.file()?;
        let (to, ..) = to.file()?;
        if from_access == Access::Write {
            return Err(Errno::BADF);
        }
        let length = length.min(LARGEST_COPY) as usize;
        let (from_offset, to_offset) = (&mut from_offset, &mut to_offset);
        let copied = copy_file_range(from, Some(from_offset), to, Some(to_offset), length)?;
        Ok(Reply::Count(copied as u64))
    }
}
