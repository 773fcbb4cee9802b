//! What clients send. Members that are not known are ignored: older clients may send more.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};
use terminal::Size;

/// `start_terminal` and `start_login`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Start {
    #[serde(default)]
    pub(super) account_id: Option<String>,
    #[serde(default)]
    pub(super) cwd: Option<String>,
    #[serde(default)]
    pub(super) rows: Option<u32>,
    #[serde(default)]
    pub(super) cols: Option<u32>,
    #[serde(default)]
    pub(super) record: Option<bool>,
    /// Starts nothing: only what runs already.
    #[serde(default)]
    pub(super) attach_only: bool,
    /// To look at this session.
    #[serde(default)]
    pub(super) session: Option<String>,
    /// All output up to this sequence number is there already.
    #[serde(default)]
    pub(super) after: Option<u64>,
}

impl Start {
    /// Whether it acknowledges output and understands pictures: only those that came later say any
    /// of these.
    pub(super) fn is_new_client(&self) -> bool {
        self.session.is_some() || self.rows.is_some()
    }

    pub(super) fn size(&self) -> Option<Size> {
        match (self.rows, self.cols) {
            (None, None) => None,
            (rows, cols) => Some(Size::clamped(rows.unwrap_or(0), cols.unwrap_or(0))),
        }
    }
}

/// `terminal_input`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Input {
    pub(super) data: String,
    #[serde(default)]
    pub(super) session: Option<String>,
}

/// `resize_terminal`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Resize {
    pub(super) rows: u32,
    pub(super) cols: u32,
    #[serde(default)]
    pub(super) session: Option<String>,
}

/// `stop_terminal` and `detach_terminal`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    pub(super) session: Option<String>,
}

/// `terminal_ack`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Parsed {
    pub(super) session: String,
    pub(super) after: u64,
}

/// What may be left out, as older clients do. What is there has to be what is expected.
#[derive(Debug)]
pub(super) struct MaybeNothing<T>(pub(super) T);

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for MaybeNothing<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Only to tuples does the Socket.IO parser give all that came with an event, maybe nothing.
        deserializer.deserialize_tuple(1, AllThatCame(PhantomData))
    }
}

struct AllThatCame<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned + Default> Visitor<'de> for AllThatCame<T> {
    type Value = MaybeNothing<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what comes with an event")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
        // A derived type would also take an array of its members in their order.
        let first: Option<Option<Map<String, Value>>> = all.next_element()?;
        while all.next_element::<IgnoredAny>()?.is_some() {}
        match first.flatten() {
            None => Ok(MaybeNothing(T::default())),
            Some(members) => serde_json::from_value(Value::Object(members))
                .map(MaybeNothing)
                .map_err(A::Error::custom),
        }
    }
}
