//! Whole numbers as JSON has them: `30` and `30.0` are the same.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Reads a whole number.
///
/// # Errors
/// If it is none, or none that `T` can be.
pub(crate) fn whole<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    deserializer.deserialize_any(Whole(PhantomData))
}

/// Reads a whole number or null; for fields that may be missing, together with `serde(default)`.
///
/// # Errors
/// As [`whole`].
pub(crate) fn whole_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    struct OrNone<T>(PhantomData<T>);

    impl<'de, T: TryFrom<i64>> Visitor<'de> for OrNone<T> {
        type Value = Option<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a whole number")
        }

        fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            whole(deserializer).map(Some)
        }
    }

    deserializer.deserialize_option(OrNone(PhantomData))
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number in the range that is allowed")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        /// Up to here every whole number is one of these.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match number.fract() == 0.0 && number.abs() <= EXACT {
            true => self.visit_i64(number as i64),
            false => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Given {
        #[serde(deserialize_with = "whole")]
        days: u32,
        #[serde(default, deserialize_with = "whole_or_none")]
        at: Option<i64>,
    }

    fn read(text: &str) -> Option<(u32, Option<i64>)> {
        let given: Given = serde_json::from_str(text).ok()?;
        Some((given.days, given.at))
    }

    #[test]
    fn whole_numbers_are_taken_however_they_are_written() {
        assert_eq!(read(r#"{"days": 30}"#), Some((30, None)));
        assert_eq!(read(r#"{"days": 30.0, "at": -1.0}"#), Some((30, Some(-1))));
        assert_eq!(read(r#"{"days": 3e1, "at": null}"#), Some((30, None)));
        for wrong in [
            "-1",
            "0.5",
            "1e300",
            "18446744073709551615",
            "\"3\"",
            "null",
            "{}",
        ] {
            assert_eq!(read(&format!("{{\"days\": {wrong}}}")), None, "{wrong}");
        }
    }
}
