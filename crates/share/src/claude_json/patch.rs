//! How a user's file is changed: only if it still is what the change was made from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mark::{self, Mark};
use super::{SERVERS, SHARED_KEYS, extract};

/// A change of a user's `.claude.json`. May hold secrets: MCP servers have environments.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaudeJsonPatch {
    /// The [`extract`] that the merge was made from.
    pub expected: Map<String, Value>,
    /// The shared keys to set; `null` removes the key.
    pub set: Map<String, Value>,
}

impl ClaudeJsonPatch {
    /// Changes the file: all other keys stay, and all keys keep their places. False, and nothing
    /// has changed, if the shared keys are not what they were when the patch was made.
    ///
    /// Keys that are not shared are not set, whoever made the patch.
    #[must_use]
    pub fn apply(&self, file: &mut Map<String, Value>) -> bool {
        if extract(file) != self.expected {
            return false;
        }
        let shared = |entry: &(&String, &Value)| SHARED_KEYS.contains(&entry.0.as_str());
        for (key, value) in self.set.iter().filter(shared) {
            if value.is_null() {
                file.shift_remove(key);
            } else {
                file.insert(key.clone(), value.clone());
            }
        }
        true
    }

    /// Each name whose value the patch changes: what was there, what is there then.
    pub(super) fn changed_marks(&self) -> Vec<(Mark, Option<Mark>, Option<Mark>)> {
        let mut marks = Vec::new();
        for (key, value) in &self.set {
            let was = self.expected.get(key);
            if key == SERVERS {
                server_marks(&mut marks, was, value);
                continue;
            }
            let was = was.map(mark::of_value);
            let is = (!value.is_null()).then(|| mark::of_value(value));
            marks.push((mark::of_key(key), was, is));
        }
        marks
    }
}

fn server_marks(
    marks: &mut Vec<(Mark, Option<Mark>, Option<Mark>)>,
    was: Option<&Value>,
    is: &Value,
) {
    let none = Map::new();
    let was = was.and_then(Value::as_object).unwrap_or(&none);
    let is = is.as_object().unwrap_or(&none);
    let added = is.keys().filter(|name| !was.contains_key(*name));
    for name in was.keys().chain(added) {
        let (was, is) = (was.get(name), is.get(name));
        if was != is {
            let mark = |value: Option<&Value>| value.map(mark::of_value);
            marks.push((mark::of_server(name), mark(was), mark(is)));
        }
    }
}

impl std::fmt::Debug for ClaudeJsonPatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&String> = self.set.keys().collect();
        formatter
            .debug_struct("ClaudeJsonPatch")
            .field("set", &keys)
            .finish_non_exhaustive()
    }
}
