//! Recovery codes: ten at a time, each counts once, kept as hashes.

use std::sync::Arc;

use super::random;
use crate::app::App;
use crate::error::ApiError;
use crate::store::Digest;
use crate::vaults::blocking;

/// So many are made.
const COUNT: usize = 10;

/// Makes ten codes in the place of those that there are: four groups of four letters and digits,
/// 80 bits each, so that their hashes need no salt. They are shown once.
pub(crate) async fn renew(app: &Arc<App>) -> Result<Vec<String>, ApiError> {
    let app = Arc::clone(app);
    blocking(move || {
        let codes: Vec<String> = (0..COUNT)
            .map(|_| random::readable::<10>())
            .collect::<Result<_, _>>()?;
        let hashes: Vec<Digest> = codes.iter().map(|code| digest(code)).collect();
        app.store.replace_recovery_codes(&hashes)?;
        Ok(codes)
    })
    .await
}

/// Takes a code; `false` if there is no such one, or not any more.
pub(crate) async fn take(app: &Arc<App>, typed: &str) -> Result<bool, ApiError> {
    let (app, code) = (Arc::clone(app), digest(typed));
    blocking(move || Ok(app.store.take_recovery_code(&code)?)).await
}

fn digest(typed: &str) -> Digest {
    Digest::of(random::as_made(typed).as_bytes())
}

/// Without a second factor, codes that stand for it are of no use.
pub(crate) async fn forget_unneeded(app: &Arc<App>) -> Result<(), ApiError> {
    if !app.second_factors()?.is_empty() {
        return Ok(());
    }
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.replace_recovery_codes(&[])?)).await
}
