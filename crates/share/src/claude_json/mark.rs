//! Remembering what a file had without keeping it: 64 bits for each name and each value.
//!
//! The start of a SHA-256. Who looks for two configurations of his own with the same mark finds
//! them, and what he gains is that his own change is not noticed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What a name or a value is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u64);

/// The mark of one of the shared keys.
pub(super) fn of_key(key: &str) -> Mark {
    finish(Sha256::new().chain_update(key))
}

/// The mark of an MCP server's name.
pub(super) fn of_server(name: &str) -> Mark {
    finish(
        Sha256::new()
            .chain_update("mcpServers\0")
            .chain_update(name),
    )
}

/// The mark of a value, whatever the order of the keys of its objects.
pub(super) fn of_value(value: &Value) -> Mark {
    let mut digest = Sha256::new();
    feed(&mut digest, value);
    finish(digest)
}

fn feed(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            digest.update(format!("{{{}", entries.len()));
            for (key, value) in entries {
                feed_text(digest, key);
                feed(digest, value);
            }
        }
        Value::Array(array) => {
            digest.update(format!("[{}", array.len()));
            for value in array {
                feed(digest, value);
            }
        }
        Value::String(text) => feed_text(digest, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => digest.update(format!("{value};")),
    }
}

fn feed_text(digest: &mut Sha256, text: &str) {
    digest.update(format!("\"{}:", text.len()));
    digest.update(text);
}

fn finish(digest: Sha256) -> Mark {
    let start = digest.finalize();
    let start = start.first_chunk().expect("a SHA-256 has 32 bytes");
    // 0 stands for "not there" in a file.
    Mark(u64::from_be_bytes(*start).max(1))
}

/// What was seen, by name: 16 bytes an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Seen(Vec<(Mark, Mark)>);

impl Seen {
    /// What was seen under this name; `None`: nothing.
    pub(super) fn get(&self, name: Mark) -> Option<Mark> {
        let found = self.0.binary_search_by_key(&name, |entry| entry.0).ok()?;
        Some(self.0[found].1)
    }

    /// Records what was seen under this name, or that nothing was.
    pub(super) fn set(&mut self, name: Mark, value: Option<Mark>) {
        match (self.0.binary_search_by_key(&name, |entry| entry.0), value) {
            (Ok(found), Some(value)) => self.0[found].1 = value,
            (Ok(found), None) => drop(self.0.remove(found)),
            (Err(place), Some(value)) => self.0.insert(place, (name, value)),
            (Err(_), None) => {}
        }
    }

    /// Gives back what was allocated and is not needed.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

/// What a file was offered and may have by now, by name; `None`: that it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Offered(Vec<(Mark, Option<Mark>)>);

impl Offered {
    /// What was offered under this name; the outer `None`: nothing was.
    pub(super) fn get(&self, name: Mark) -> Option<Option<Mark>> {
        let mut entries = self.0.iter();
        Some(entries.find(|entry| entry.0 == name)?.1)
    }

    /// Records what is offered under a name that has none so far.
    pub(super) fn set(&mut self, name: Mark, value: Option<Mark>) {
        self.0.push((name, value));
    }

    /// Whether nothing is offered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what was offered under this name.
    pub(super) fn forget(&mut self, name: Mark) {
        self.0.retain(|entry| entry.0 != name);
    }
}

impl From<Seen> for String {
    fn from(seen: Seen) -> Self {
        let entries = seen.0.iter();
        entries
            .map(|(name, value)| format!("{:016x}{:016x}", name.0, value.0))
            .collect()
    }
}

impl TryFrom<String> for Seen {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let pairs = pairs(&text)?.into_iter();
        let mut entries: Vec<_> = pairs
            .map(|(name, value)| (Mark(name), Mark(value)))
            .collect();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.0);
        Ok(Self(entries))
    }
}

impl From<Offered> for String {
    fn from(offered: Offered) -> Self {
        let number = |value: Option<Mark>| value.map_or(0, |mark| mark.0);
        let entries = offered.0.iter();
        entries
            .map(|(name, value)| format!("{:016x}{:016x}", name.0, number(*value)))
            .collect()
    }
}

impl TryFrom<String> for Offered {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mark = |number| (number != 0).then_some(Mark(number));
        let pairs = pairs(&text)?.into_iter();
        Ok(Self(
            pairs
                .map(|(name, value)| (Mark(name), mark(value)))
                .collect(),
        ))
    }
}

fn pairs(text: &str) -> Result<Vec<(u64, u64)>, &'static str> {
    let problem = "marks are not pairs of 16 hexadecimal digits";
    let chunks = text.as_bytes().chunks(32);
    let pair = |chunk: &[u8]| {
        let digits = std::str::from_utf8(chunk)
            .ok()
            .filter(|text| text.len() == 32)?;
        let (name, value) = digits.split_at_checked(16)?;
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        Some((number(name)?, number(value)?))
    };
    chunks.map(|chunk| pair(chunk).ok_or(problem)).collect()
}
