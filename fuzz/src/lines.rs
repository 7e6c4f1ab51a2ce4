//! The lines of a frame against a naive split.

use ticklot_frame::{Line, Lines};

/// `data` is a frame.
pub fn lines(data: &[u8]) {
    let lines: Vec<Line<'_>> = Lines::new(data).collect();
    let found: Vec<_> = lines
        .iter()
        .map(|l| (l.number, l.offset, l.bytes))
        .collect();
    assert_eq!(found, naive(data));
    assert_eq!(rejoined(data, &lines), data);
}

/// The number, offset and bytes of each line that is not blank.
fn naive(frame: &[u8]) -> Vec<(u32, usize, &[u8])> {
    let mut offset = 0;
    let mut lines = Vec::new();
    for (number, piece) in (0..).zip(frame.split(|&byte| byte == b'\n')) {
        let text = match piece {
            [text @ .., b'\r'] => text,
            text => text,
        };
        if text.iter().any(|byte| !b" \t\r".contains(byte)) {
            lines.push((number, offset, text));
        }
        offset += piece.len() + 1;
    }
    lines
}

/// Reassembles the frame from its lines and the white space between them. Checks that only white space is between
/// them, and that each starts after a line ending.
fn rejoined(frame: &[u8], lines: &[Line<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        fill(&mut out, frame, line.offset);
        assert!(
            out.is_empty() || out.ends_with(b"\n"),
            "not the start of a line"
        );
        // The line is a part of the frame, not a copy.
        assert_eq!(line.bytes.as_ptr(), frame[line.offset..].as_ptr());
        out.extend_from_slice(line.bytes);
    }
    fill(&mut out, frame, frame.len());
    out
}

fn fill(out: &mut Vec<u8>, frame: &[u8], to: usize) {
    let gap = &frame[out.len()..to];
    assert!(
        gap.iter().all(|byte| b" \t\r\n".contains(byte)),
        "a byte is lost"
    );
    out.extend_from_slice(gap);
}
