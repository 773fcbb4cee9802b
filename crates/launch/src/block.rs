//! The marked block of `claude-accounts` in a shell's file ([`model::marked_block`]).

pub use model::marked_block::BlockError;
use model::marked_block::Marker;

const OURS: Marker = Marker {
    program: "claude-accounts",
    made_by: "install",
    removed_by: "uninstall",
};

/// `file` with a block around `body` (whole lines) at its end, or with what is in its block
/// replaced; `None` if nothing would change. `new_file` notes in the block that there was no file.
///
/// # Errors
/// If markers are there that do not make one block.
pub fn add_block(file: &[u8], body: &[u8], new_file: bool) -> Result<Option<Vec<u8>>, BlockError> {
    OURS.add(file, body, new_file)
}

/// `file` without its block, byte for byte as it was before; `None` if there is no block.
///
/// # Errors
/// If markers are there that do not make one block.
pub fn remove_block(file: &[u8]) -> Result<Option<Vec<u8>>, BlockError> {
    OURS.remove(file)
}

/// Whether the block in `file` says that the file was made for it.
#[must_use]
pub fn made_for_block(file: &[u8]) -> bool {
    OURS.made_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What earlier versions have written is found again only if not a byte differs.
    #[test]
    fn the_block_is_the_one_that_earlier_versions_wrote() {
        let expected = "# >>> claude-accounts >>>
# Made by `claude-accounts install`; `claude-accounts uninstall` removes it.
# This file was made for it and is removed with it.
:
# <<< claude-accounts <<<
";
        let block = add_block(b"", b":\n", true).unwrap().unwrap();
        assert_eq!(String::from_utf8(block).unwrap(), expected);
        assert!(made_for_block(expected.as_bytes()));
        assert_eq!(remove_block(expected.as_bytes()).unwrap().unwrap(), b"");
    }
}
