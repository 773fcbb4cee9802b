//! What waits to be told to who has typed a command.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use live::Bytes;
use live::commands::{LARGEST_PIECE, News};
use live::programs::Stream;
use tokio::sync::Notify;

/// How many things may wait: beside the bytes of the output, which are counted elsewhere, they take some memory too.
const MOST: usize = 1 << 18;

/// What is told to who has typed a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What the laptop says, never [`News::Settled`]: [`News::Ended`] is told once what the command has changed shows in the
    /// mounts. Words can be shown, and what is output is at most [`LARGEST_PIECE`].
    News(News),
    /// Nobody knows how it has ended, or whether; the words, which can be shown, say why. Nothing follows.
    Lost(String),
}

/// See the head of this file. One waits for what comes.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    told: VecDeque<Item>,
    /// How much input was taken. Has no place among the others.
    taken: Option<u64>,
    /// The last of all is there.
    is_over: bool,
}

enum Item {
    Output(Stream, BytesMut),
    Other(Told),
}

impl Queue {
    /// Adds what is not the last; `false` if too much waits. Behind the last, it is dropped.
    pub(super) fn push(&self, told: Told) -> bool {
        self.add(told, false)
    }

    /// Adds the last, unless it is there.
    pub(super) fn end(&self, told: Told) {
        self.add(told, true);
    }

    fn add(&self, told: Told, is_last: bool) -> bool {
        let mut waiting = self.waiting();
        if waiting.is_over {
            return true;
        }
        waiting.is_over = is_last;
        match told {
            Told::News(News::Taken(taken)) => waiting.taken = Some(taken),
            Told::News(News::Output { stream, bytes }) => waiting.add(stream, bytes),
            other => waiting.told.push_back(Item::Other(other)),
        }
        let has_room = waiting.told.len() <= MOST;
        drop(waiting);
        self.arrived.notify_one();
        has_room
    }

    /// The next; `None` behind the last. Dropping the future loses nothing.
    pub(super) async fn next(&self) -> Option<Told> {
        loop {
            if let Some(told) = self.take() {
                return told;
            }
            self.arrived.notified().await;
        }
    }

    /// The next, if there is any or will be none.
    fn take(&self) -> Option<Option<Told>> {
        let mut waiting = self.waiting();
        if let Some(taken) = waiting.taken.take() {
            return Some(Some(Told::News(News::Taken(taken))));
        }
        match waiting.told.pop_front() {
            None if waiting.is_over => Some(None),
            None => None,
            Some(Item::Other(told)) => Some(Some(told)),
            Some(Item::Output(stream, mut bytes)) => {
                let piece = bytes.split_to(bytes.len().min(LARGEST_PIECE)).freeze();
                if !bytes.is_empty() {
                    waiting.told.push_front(Item::Output(stream, bytes));
                }
                let bytes = piece;
                Some(Some(Told::News(News::Output { stream, bytes })))
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Output in small pieces, which nobody takes, waits as few large ones.
    fn add(&mut self, stream: Stream, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if let Some(Item::Output(last, before)) = self.told.back_mut()
            && *last == stream
            && before.len() + bytes.len() <= LARGEST_PIECE
        {
            before.extend_from_slice(&bytes);
            return;
        }
        self.told
            .push_back(Item::Output(stream, BytesMut::from(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stream: Stream, bytes: &[u8]) -> Told {
        Told::News(News::Output {
            stream,
            bytes: Bytes::copy_from_slice(bytes),
        })
    }

    #[tokio::test]
    async fn pieces_that_wait_become_larger_in_order_and_none_is_too_large() {
        let queue = Queue::default();
        let taken = |taken| Told::News(News::Taken(taken));
        for (stream, bytes) in [
            (Stream::Out, "a"),
            (Stream::Out, ""),
            (Stream::Out, "b"),
            (Stream::Err, "c"),
            (Stream::Out, "d"),
        ] {
            assert!(queue.push(output(stream, bytes.as_bytes())));
        }
        assert!(queue.push(taken(1)) && queue.push(taken(2)));
        queue.push(output(Stream::Out, &vec![b'x'; LARGEST_PIECE + 7]));
        let lost = Told::Lost("why".to_owned());
        queue.end(lost.clone());
        queue.end(Told::News(News::Here));
        assert!(queue.push(Told::News(News::Started)));
        for expected in [
            taken(2),
            output(Stream::Out, b"ab"),
            output(Stream::Err, b"c"),
            output(Stream::Out, b"d"),
            output(Stream::Out, &vec![b'x'; LARGEST_PIECE]),
            output(Stream::Out, b"xxxxxxx"),
            lost,
        ] {
            assert_eq!(queue.next().await, Some(expected));
        }
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.next().await, None);
    }

    #[test]
    fn too_many_things_are_too_much() {
        let queue = Queue::default();
        let mut pushed = (0..=MOST).map(|at| match at % 2 {
            0 => queue.push(output(Stream::Out, b"x")),
            _ => queue.push(output(Stream::Err, b"x")),
        });
        assert_eq!(pushed.position(|has_room| !has_room), Some(MOST));
    }
}
