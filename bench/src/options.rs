//! What was asked for beside the parts.

use std::time::Duration;

/// `--rtt=0,20,80` in milliseconds, or those that are `usual`.
pub(crate) fn round_trips(usual: &[u64]) -> Vec<Duration> {
    let wanted = option("--rtt=");
    let wanted = wanted.map(|text| text.split(',').map(|part| part.parse().unwrap()).collect());
    let wanted: Vec<u64> = wanted.unwrap_or_else(|| usual.to_vec());
    wanted.into_iter().map(Duration::from_millis).collect()
}

/// Whether the line is to be measured: its name has what `--line=` says in it.
pub(crate) fn is_wanted_line(name: &str) -> bool {
    option("--line=").is_none_or(|wanted| name.contains(&wanted))
}

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
}
