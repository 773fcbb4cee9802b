//! Shells' files: what is added is taken back to the byte.
#![no_main]

use launch::{add_block, remove_block};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool)| {
    let (file, new_file) = input;
    let before = if new_file { &[][..] } else { file };
    // A file with markers of its own is refused or edited in place; nothing else is.
    let Ok(Some(added)) = add_block(before, b". aliases\n", new_file) else {
        return;
    };
    let removed = remove_block(&added).expect("a block that was just added is whole");
    if matches!(remove_block(before), Ok(None)) {
        assert_eq!(removed.as_deref(), Some(before));
    }
});
