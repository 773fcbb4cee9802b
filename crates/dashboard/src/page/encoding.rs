//! Which compression a client takes (RFC 9110, 12.5.3).

use axum::http::HeaderValue;

/// Compressions that the page's files are there in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is.
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The best of those that `values` of `Accept-Encoding` weigh highest.
    pub(super) fn accepted<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let mut weights = Weights::default();
        for value in values.filter_map(|value| value.to_str().ok()) {
            value.split(',').for_each(|item| weights.read(item));
        }
        let weight = |named: Option<u16>| named.or(weights.others).unwrap_or(0);
        let brotli = weight(weights.brotli);
        let gzip = weight(weights.gzip);
        // What is not named is taken as it is, but rather compressed.
        let identity = weights.identity.unwrap_or(0);
        if brotli > 0 && brotli >= gzip && brotli >= identity {
            Self::Brotli
        } else if gzip > 0 && gzip >= identity {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// As `Content-Encoding` has it.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// What tells the tags of one file's encodings apart.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "-gz",
            Self::Brotli => "-br",
        }
    }
}

/// In thousandths.
#[derive(Default)]
struct Weights {
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// Of `*`.
    others: Option<u16>,
}

impl Weights {
    fn read(&mut self, item: &str) {
        let (name, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = Some(quality(parameter));
        match name.trim().to_ascii_lowercase().as_str() {
            "br" => self.brotli = weight,
            "gzip" | "x-gzip" => self.gzip = weight,
            "identity" => self.identity = weight,
            "*" => self.others = weight,
            _ => {}
        }
    }
}

/// What is not understood is not wanted.
fn quality(parameter: &str) -> u16 {
    let value = parameter.trim().strip_prefix(['q', 'Q']);
    let value = value.and_then(|rest| rest.trim_start().strip_prefix('='));
    match value.map(|value| value.trim().parse::<f32>()) {
        Some(Ok(quality)) if (0.0..=1.0).contains(&quality) => (quality * 1000.0) as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_what_is_wanted_most_is_taken() {
        for (value, expected) in [
            ("", Encoding::Identity),
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("gzip, deflate", Encoding::Gzip),
            ("br;q=0.5, gzip;q=1.0", Encoding::Gzip),
            ("br;q=0, gzip;q=0.001", Encoding::Gzip),
            ("br;q=0, *", Encoding::Gzip),
            ("*", Encoding::Brotli),
            ("*;q=0", Encoding::Identity),
            ("identity, br;q=0.9", Encoding::Identity),
            ("BR ; Q = 0.8", Encoding::Brotli),
            ("br;q=2, gzip;q=x, br;q", Encoding::Identity),
            ("br;q=NaN", Encoding::Identity),
            (",,;;=", Encoding::Identity),
        ] {
            let value = HeaderValue::from_str(value).unwrap();
            assert_eq!(
                Encoding::accepted([&value].into_iter()),
                expected,
                "{value:?}"
            );
        }
    }
}
