//! The comparisons as numbers, for `cargo xtask bench --report`: `target/bench/results.json`, beside what is printed.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::machine::Machine;

/// Where cargo built this program is `target/PROFILE/bench`.
fn path() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(2).unwrap();
    target.join("bench/results.json")
}

/// Keeps both sides of the comparison `id`, in place of what an earlier run has measured; other rows stay.
pub(crate) fn keep(id: &str, ours: f64, beside: f64) {
    put(id, ours, Some(beside));
}

/// As [`keep`], where there is nothing to be had here to put beside it.
pub(crate) fn keep_alone(id: &str, ours: f64) {
    put(id, ours, None);
}

fn put(id: &str, ours: f64, beside: Option<f64>) {
    let path = path();
    let before = fs::read(&path).ok();
    let mut results: Value = before
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_else(|| json!({"format": 1}));
    let (ours, beside) = (rounded(ours), beside.map(rounded));
    let machine = Machine::read().to_string();
    results["rows"][id] = json!({"ours": ours, "beside": beside, "machine": machine});
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{results:#}\n")).unwrap();
}

/// To a millionth: more says nothing.
fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}
