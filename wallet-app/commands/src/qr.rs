//! QR codes for the screen, as the outline of their dark squares: an interface draws them, and needs no library for it.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;

/// Light squares around a code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;

/// A QR code for `<path d="…">` in a view box of `side` by `side`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Qr {
    /// Squares of a side, with the quiet zone.
    pub side: usize,
    /// The dark squares, row by row.
    pub path: String,
}

impl std::fmt::Debug for Qr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Qr({})", self.side)
    }
}

impl Qr {
    /// The code of a text; `None` where it is too long for one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let (width, colors) = (code.width(), code.to_colors());
        let mut path = String::new();
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run.first() == Some(&Color::Dark) {
                    write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len()).ok()?;
                }
                x += run.len();
            }
        }
        Some(Self { side: width + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Painted from its path, it is the code again, square by square.
    #[test]
    fn a_code_is_its_dark_squares() {
        let text = "yufu-device://welcome?did=did:yufu:riverside:zQm";
        let drawn = Qr::of(text).unwrap();
        let mut painted = vec![vec![false; drawn.side]; drawn.side];
        for run in drawn.path.split('M').skip(1) {
            let (at, rest) = run.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let length: usize = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            painted[y][x..x + length].fill(true);
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        for y in 0..drawn.side {
            for x in 0..drawn.side {
                let inside = (QUIET..drawn.side - QUIET).contains(&x) && (QUIET..drawn.side - QUIET).contains(&y);
                let dark = inside && code[(x - QUIET, y - QUIET)] == Color::Dark;
                assert_eq!(painted[y][x], dark, "{x} {y}");
            }
        }
        assert!(Qr::of(&"x".repeat(3000)).is_none());
    }
}
