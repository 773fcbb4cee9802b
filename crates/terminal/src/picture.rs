//! What a viewer who comes late is shown.

use bytes::Bytes;

use crate::Size;
use crate::front::Front;
use crate::modes::{RESET, RESET_SCREEN};
use crate::replay;

/// A part of the output that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// Output.
    Output(&'a [u8]),
    /// What follows was made for this size.
    Resize(Size),
}

/// Text that makes any terminal of the present size look like one that has seen everything.
///
/// If the size was never changed within `pieces`, that is what `front` is and the output itself. If it was, that
/// would put things in wrong places; it is then only what has scrolled away, and the screen is drawn over it.
pub(crate) fn picture(front: &mut Front, pieces: &[Piece<'_>]) -> Bytes {
    let mut text = RESET.to_vec();
    front.write(&mut text);
    let (mut scanner, mut modes) = (front.scanner.clone(), front.modes.clone());
    for piece in pieces {
        if let Piece::Output(bytes) = piece {
            scanner.scan(bytes, &mut |token| {
                modes.see(token);
                replay::write(token, &mut text);
            });
        }
    }
    if pieces.iter().any(|piece| matches!(piece, Piece::Resize(_))) {
        let mut screen = front.copy();
        let mut size = Size::DEFAULT;
        for piece in pieces {
            match piece {
                Piece::Output(bytes) => screen.advance(bytes),
                Piece::Resize(new) => {
                    size = *new;
                    screen.resize(size);
                }
            }
        }
        text.extend_from_slice(RESET_SCREEN);
        write_usual_tabs(size, &mut text);
        screen.write(&mut text);
    }
    modes.write_talking(&mut text);
    scanner.unfinished(&mut text);
    text.into()
}

/// Tab stops that were set for another size are elsewhere; those that are not usual are set again by the screen.
fn write_usual_tabs(size: Size, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[3g");
    for column in (9..=size.columns()).step_by(8) {
        out.extend_from_slice(format!("\x1b[{column}G\x1bH").as_bytes());
    }
    out.push(b'\r');
}
