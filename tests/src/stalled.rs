//! Programs whose input is not read any more.

use std::fs;

use testkit::{Host, wait_until};

use crate::LIMIT;

/// Waits until a program on `host` does not read any more of its standard input, which is a file: the first program whose
/// words, each ended by a zero, are so.
///
/// # Panics
/// When it goes on reading.
#[track_caller]
pub fn wait_until_stalled(host: &Host, is_so: impl Fn(&[u8]) -> bool) {
    let path = |process: u32, file: &str| host.path(&format!("/proc/{process}/{file}"));
    let is_it = |process: &u32| {
        let words = fs::read(path(*process, "cmdline")).unwrap_or_default();
        is_so(&words)
    };
    let position = || {
        let process = host.processes().into_iter().find(is_it)?;
        let told = fs::read_to_string(path(process, "fdinfo/0")).ok()?;
        let line = told.lines().find_map(|line| line.strip_prefix("pos:"))?;
        line.trim().parse::<u64>().ok()
    };
    // Nothing tells that it stays so. Whoever goes on too early is not wrong, only less strict.
    let (mut before, mut same) = (None, 0);
    wait_until("the input to be read no more", LIMIT, || {
        let now = position().filter(|now| *now > 0);
        same = match now.is_some() && now == before {
            true => same + 1,
            false => 0,
        };
        before = now;
        same >= 50
    });
}
