//! Moving names.

use std::ffi::OsStr;
use std::sync::Arc;

use fuser::{RenameFlags, ReplyEmpty};
use live::files::{Outcome, Renaming, Request};

use super::names::{Name, give};
use super::writing;
use crate::errors::{self, to_kernel};
use crate::nodes::{Epoch, NodeId};
use crate::pending::Waiter;
use crate::shared::{Shared, Table, done, split};

pub(super) fn rename(
    shared: &Arc<Shared>,
    waiter: Waiter,
    from: (NodeId, &OsStr),
    to: (NodeId, &OsStr),
    flags: RenameFlags,
    reply: ReplyEmpty,
) {
    let how = match flags {
        flags if flags.is_empty() => Renaming::Replace,
        RenameFlags::RENAME_NOREPLACE => Renaming::NoReplace,
        RenameFlags::RENAME_EXCHANGE => Renaming::Exchange,
        _ => return reply.error(to_kernel(errors::INVALID)),
    };
    let (from, to) = (Name::new(from.0, from.1), Name::new(to.0, to.1));
    let moved = from.leads_to(&shared.table());
    // Under its new name it is to have what was written before.
    writing::after(shared, waiter, moved, reply, move |shared, reply| {
        rename_now(shared, waiter, [from, to], how, reply);
    });
}

fn rename_now(
    shared: &Arc<Shared>,
    waiter: Waiter,
    [from, to]: [Name; 2],
    how: Renaming,
    reply: ReplyEmpty,
) {
    // What is replaced loses its name.
    let replaced = to
        .leads_to(&shared.table())
        .filter(|_| how == Renaming::Replace);
    shared.with_all_open(waiter, replaced, move |shared| {
        let (asked_from, asked_to) = (from.clone(), to.clone());
        let make = move |table: &Table, guess| {
            let (from, to) = (
                asked_from.place(table, guess)?,
                asked_to.place(table, guess)?,
            );
            Ok(Request::Rename { from, to, how })
        };
        let were = {
            let table = shared.table();
            [from.leads_to(&table), to.leads_to(&table)]
        };
        shared.ask_at(waiter, make, move |shared, asked, outcome| {
            renamed(shared, [from, to], were, how, asked, outcome, reply);
        });
    });
}

fn renamed(
    shared: &Shared,
    names: [Name; 2],
    were: [Option<NodeId>; 2],
    how: Renaming,
    asked: Epoch,
    outcome: Outcome,
    reply: ReplyEmpty,
) {
    let (outcome, directories) = split(outcome);
    let outcome = done(outcome);
    let [from, to] = names;
    let is_fresh = outcome.is_err() || {
        let mut table = shared.table();
        were.into_iter()
            .flatten()
            .for_each(|node| table.touched_besides(node));
        let mut directories = directories.iter();
        table.changed_in(from.parent, directories.next(), asked);
        if to.parent != from.parent {
            table.changed_in(to.parent, directories.next(), asked);
        }
        for name in [&from, &to] {
            table.forget_name_ahead(name.parent, &name.name);
        }
        let nodes = &mut table.nodes;
        nodes.note_gone(from.pair(), were[0]);
        if were[1].is_some() {
            nodes.note_gone(to.pair(), were[1]);
        }
        nodes.note_made(to.pair(), were[0]);
        match how {
            Renaming::Exchange => nodes.exchanged([from.pair(), to.pair()], were, asked),
            Renaming::Replace | Renaming::NoReplace => {
                nodes.renamed(from.pair(), to.pair(), were[0], asked)
            }
        }
    };
    give(outcome, reply);
    if !is_fresh {
        shared
            .invalidator
            .add([from.invalidation(), to.invalidation()]);
    }
}
