//! Which file systems tell of everything that happens in them.

use std::os::fd::AsFd;

use rustix::fs::fstatfs;
use rustix::io::Errno;

/// File systems that nobody but this kernel writes to, by `f_type`. Source of the numbers: Linux, `include/uapi/linux/magic.h`
/// and the sources of those that it does not list; ZFS: `include/sys/fs/zfs.h`. Any other may be changed elsewhere, as NFS,
/// SMB, 9P (WSL, virtual machines) and FUSE, and the kernel does not tell of that.
const LOCAL: [u32; 22] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xca45_1a4e, // bcachefs
    0x2fc1_2fc1, // ZFS
    0xf2f5_2010, // F2FS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs
    0x0000_4d44, // FAT
    0x2011_bab0, // exFAT
    0x5346_544e, // NTFS
    0x7366_746e, // NTFS3
    0x3153_464a, // JFS
    0x5265_4973, // ReiserFS
    0x0000_3434, // NILFS
    0x0000_482b, // HFS+
    0x0000_f15f, // eCryptfs
    0x1501_3346, // UDF
    0x0000_9660, // ISO 9660
    0x7371_7368, // SquashFS
    0xe0f5_e1e2, // EROFS
];

/// Whether everything that happens in the file system that `file` is in is told.
///
/// # Errors
/// Those of `fstatfs(2)`.
pub(super) fn is_local(file: impl AsFd) -> Result<bool, Errno> {
    let kind = fstatfs(file)?.f_type;
    // The kernel's numbers have 32 bits; `f_type` is wider, and signed on some platforms.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "see above"
    )]
    let kind = kind as u32;
    Ok(LOCAL.contains(&kind))
}
