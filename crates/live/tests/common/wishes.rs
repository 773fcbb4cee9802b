//! Everything that is said of the session.

use bytes::Bytes;
use live::control::{Failure, Reply, Request, Wanted};
use live::files::Root;
use proptest::prelude::*;

pub(crate) fn wish() -> impl Strategy<Value = Request> {
    let wanted =
        any::<(u32, String, bool, u32, u32)>().prop_map(|(root, name, read_only, user, group)| {
            Wanted {
                root: Root(root),
                name,
                read_only,
                user,
                group,
            }
        });
    let unmount = any::<u32>().prop_map(|root| Request::Unmount(Root(root)));
    prop_oneof![wanted.prop_map(Request::Mount), unmount]
}

pub(crate) fn reply_to_wish() -> impl Strategy<Value = Result<Reply, Failure>> {
    let mounted = any::<Vec<u8>>().prop_map(|path| Ok(Reply::Mounted(Bytes::from(path))));
    let failure =
        any::<(String, String)>().prop_map(|(message, hint)| Err(Failure { message, hint }));
    prop_oneof![Just(Ok(Reply::Done)), mounted, failure]
}
