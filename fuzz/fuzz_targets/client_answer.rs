//! What the installed client says of itself.
#![no_main]

use launch::{reads_view, rivals_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (without, with) = input;
    // The same answer with and without a view cannot show that the view was read.
    assert!(!reads_view(with, with));
    let _reads: bool = reads_view(without, with);
    let _rivals: Vec<String> = rivals_in(with);
});
