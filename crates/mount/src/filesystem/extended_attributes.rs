//! Extended attributes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use bytes::Bytes;
use fuser::{ReplyEmpty, ReplyXattr};
use live::files::{ErrorNumber, Outcome, Request, Setting};
use rustix::fs::XattrFlags;

use super::names::give;
use crate::errors::{self, to_kernel};
use crate::nodes::NodeId;
use crate::pending::Waiter;
use crate::shared::{Shared, bytes, done};

/// Whether the laptop has such attributes for the server. Programs ask for the others of every file that they list or
/// start, so that must not cost a round trip.
fn is_asked(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b"user.") || name.starts_with(b"trusted.")
}

/// Whether it is known that there are none.
fn is_plain(shared: &Shared, node: NodeId) -> bool {
    let table = shared.table();
    table.is_watched && table.nodes.is_plain(node)
}

pub(super) fn get(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    name: &OsStr,
    size: u32,
    reply: ReplyXattr,
) {
    if !is_asked(name) {
        return reply.error(to_kernel(errors::NOT_SUPPORTED));
    }
    if is_plain(shared, node) {
        return reply.error(to_kernel(errors::NO_DATA));
    }
    let name = Bytes::copy_from_slice(name.as_bytes());
    let make = move |target| Request::ExtendedAttribute {
        target,
        name: name.clone(),
    };
    shared.ask_node(waiter, node, None, make, move |_, _, outcome| {
        give_value(bytes(outcome), size, reply);
    });
}

pub(super) fn list(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    size: u32,
    reply: ReplyXattr,
) {
    if is_plain(shared, node) {
        return give_value(Ok(Bytes::new()), size, reply);
    }
    shared.ask_node(
        waiter,
        node,
        None,
        Request::ExtendedAttributes,
        move |shared, asked, outcome| {
            let names = bytes(outcome);
            let is_plain = names.as_ref().is_ok_and(Bytes::is_empty);
            shared.table().nodes.set_plain(node, is_plain, asked);
            give_value(names, size, reply);
        },
    );
}

/// As `getxattr(2)` and `listxattr(2)` want it: the size alone if there is no room at all.
fn give_value(value: Result<Bytes, ErrorNumber>, size: u32, reply: ReplyXattr) {
    match value {
        Ok(value) if size == 0 => reply.size(u32::try_from(value.len()).unwrap_or(u32::MAX)),
        Ok(value) if value.len() > size as usize => reply.error(to_kernel(errors::TOO_SMALL)),
        Ok(value) => reply.data(&value),
        Err(error) => reply.error(to_kernel(error)),
    }
}

pub(super) fn set(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    name: &OsStr,
    value: &[u8],
    flags: i32,
    reply: ReplyEmpty,
) {
    if !is_asked(name) {
        return reply.error(to_kernel(errors::NOT_SUPPORTED));
    }
    let flags = XattrFlags::from_bits_retain(flags.cast_unsigned());
    let how = match flags & (XattrFlags::CREATE | XattrFlags::REPLACE) {
        XattrFlags::CREATE => Setting::Create,
        XattrFlags::REPLACE => Setting::Replace,
        _ => Setting::CreateOrReplace,
    };
    let (name, value) = (
        Bytes::copy_from_slice(name.as_bytes()),
        Bytes::copy_from_slice(value),
    );
    let make = move |target| {
        let (name, value) = (name.clone(), value.clone());
        Request::SetExtendedAttribute {
            target,
            name,
            value,
            how,
        }
    };
    change(shared, waiter, node, make, reply);
}

pub(super) fn remove(
    shared: &Arc<Shared>,
    waiter: Waiter,
    node: NodeId,
    name: &OsStr,
    reply: ReplyEmpty,
) {
    if !is_asked(name) {
        return reply.error(to_kernel(errors::NOT_SUPPORTED));
    }
    let name = Bytes::copy_from_slice(name.as_bytes());
    let make = move |target| Request::RemoveExtendedAttribute {
        target,
        name: name.clone(),
    };
    change(shared, waiter, node, make, reply);
}

fn change<M>(shared: &Arc<Shared>, waiter: Waiter, node: NodeId, make: M, reply: ReplyEmpty)
where
    M: Fn(live::files::Target) -> Request + Send + Clone + 'static,
{
    shared.ask_node(
        waiter,
        node,
        None,
        make,
        move |shared, _, outcome: Outcome| {
            shared.table().touched_besides(node);
            give(done(outcome), reply);
        },
    );
}
