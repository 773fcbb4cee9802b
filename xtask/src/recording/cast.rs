//! Reads asciicast version 2 (<https://docs.asciinema.org/manual/asciicast/v2/>).

use serde_json::Value;

use crate::Result;

/// A recording.
pub(super) struct Cast {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) events: Vec<Event>,
}

/// What was seen, and at which second.
pub(super) struct Event {
    pub(super) at: f64,
    pub(super) what: What,
}

pub(super) enum What {
    Output(String),
    /// A marker: what follows is called so.
    Marker(String),
}

pub(super) fn parse(text: &str) -> Result<Cast> {
    let mut lines = text.lines();
    let header: Value = serde_json::from_str(lines.next().unwrap_or_default())?;
    if header["version"] != 2 {
        return Err("this is no asciicast of version 2".into());
    }
    let size = |name: &str| -> Result<usize> {
        let number = header[name].as_u64().ok_or("the header has no size")?;
        Ok(usize::try_from(number)?)
    };
    let events = lines.filter_map(|line| event(line).transpose());
    Ok(Cast {
        columns: size("width")?,
        rows: size("height")?,
        events: events.collect::<Result<_>>()?,
    })
}

/// `None`: of a kind that does not show.
fn event(line: &str) -> Result<Option<Event>> {
    let (at, code, data): (f64, String, String) = serde_json::from_str(line)?;
    let what = match code.as_str() {
        "o" => What::Output(data),
        "m" => What::Marker(data),
        _ => return Ok(None),
    };
    Ok(Some(Event { at, what }))
}
