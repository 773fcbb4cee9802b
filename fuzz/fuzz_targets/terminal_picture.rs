//! A terminal's output, whatever it is and however it is cut: what is kept stays in bounds, and what is shown to a
//! viewer who comes late asks the terminal nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terminal::{History, Size};

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/terminal/tests/common/screen.rs"]
mod screen;

fuzz_target!(|input: (u16, Vec<(u8, &[u8])>)| {
    let (kept, pieces) = input;
    let kept = usize::from(kept) % 2_000;
    let mut history = History::new(Size::clamped(6, 20), kept);
    let mut length = 0;
    for (step, bytes) in pieces {
        if step < 24 {
            history.resize(Size::clamped(u32::from(step % 5) + 1, u32::from(step) + 2));
        }
        history.push(bytes);
        length += bytes.len() as u64;
        assert_eq!(history.end(), length);
        assert!(history.end() - history.start() <= kept as u64);
        assert!(history.memory() < 100_000);
    }
    let picture = history.picture();
    let queries = screen::queries(&picture);
    assert!(queries.is_empty(), "{queries:?} in {:?}", String::from_utf8_lossy(&picture));
    assert_eq!(history.picture(), picture, "looking changes nothing");
});
