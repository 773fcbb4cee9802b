//! What the figures were measured on.

use std::fmt;

pub(crate) struct Machine {
    processors: usize,
    model: String,
    kernel: String,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or(": unknown");
        Self {
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            model: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} processors, {}, Linux {}",
            self.processors, self.model, self.kernel
        )
    }
}
