//! What a table says about who renews an account.

use vault::Account;

use super::context::Context;
use crate::table::NOTHING;

/// For the column "keeper" of `list` and the line of that name in `status`.
pub(crate) fn renewal_note(_context: &Context, _account: &Account) -> String {
    NOTHING.to_owned()
}
