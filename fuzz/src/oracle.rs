//! Properties of the decoders of all venues.

use std::fmt::Debug;

use ticklot_book::{BookError, BookErrorKind, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::{DecodeBackend, DecodeError, ErrorKind};

use crate::json::{Json, Refused, required};

/// The backends of the decoders, which must agree on any input.
pub(crate) const BACKENDS: [DecodeBackend; 3] = [
    DecodeBackend::Best,
    DecodeBackend::Portable,
    DecodeBackend::Off,
];

/// A level of a book, its byte offset in an error of the book, and its scale.
pub(crate) type LevelOffset = (Level, u32, Scale);

/// An owned message and the levels of its books, or the error.
pub(crate) type Decoded<M> = Result<(M, Vec<LevelOffset>), DecodeError>;

/// Frames and their results.
pub(crate) type All<'a, M> = Vec<(&'a [u8], Decoded<M>)>;

/// Decodes each frame with every backend, with fresh decoders and with used ones. The used decoders decode all
/// frames twice: first they learn the shapes, then they know them.
///
/// `decoders` creates one decoder per backend, the general one last, whose results `check` checks. Returns the
/// used decoders, and the results of all frames.
pub(crate) fn check_backends<'a, D, M: Debug + PartialEq>(
    frames: impl Iterator<Item = &'a [u8]>,
    decoders: impl Fn() -> Vec<D>,
    decode: fn(&mut D, &[u8]) -> Decoded<M>,
    check: impl Fn(&mut D, &[u8], &Decoded<M>),
) -> (Vec<D>, All<'a, M>) {
    let mut all = Vec::new();
    for frame in frames {
        let mut fresh = decoders();
        let general = fresh.last_mut().expect("the general decoder");
        let decoded = decode(general, frame);
        check(general, frame, &decoded);
        // The used decoders are fresh at the first frame.
        if !all.is_empty() {
            assert_eq!(decode(&mut fresh[0], frame), decoded);
        }
        all.push((frame, decoded));
    }
    let mut used = decoders();
    for (frame, expected) in all.iter().chain(&all) {
        for (backend, used) in used.iter_mut().enumerate() {
            assert_eq!(&decode(used, frame), expected, "backend {backend}");
        }
    }
    (used, all)
}

/// Compares a result with the expected one, which is `None` if the text has a syntax error.
pub(crate) fn compare<M: Debug + PartialEq>(
    decoded: &Decoded<M>,
    expected: Option<Result<M, Refused>>,
) {
    match (decoded, expected) {
        (_, None) => {}
        (Ok((message, _)), Some(expected)) => assert_eq!(Ok(message), expected.as_ref()),
        (Err(error), Some(expected)) => assert_eq!(Err(Refused), expected, "{error}"),
    }
}

/// Checks that an error is at a byte of the text, and returns its kind.
pub(crate) fn refused<T>(text: &[u8], result: &Result<T, DecodeError>) -> Option<ErrorKind> {
    let error = result.as_ref().err()?;
    assert!(error.offset as usize <= text.len(), "{error}");
    Some(error.kind)
}

/// The levels of a book, with their offsets in the errors of the book.
pub(crate) fn level_offsets(
    sides: [&[Level]; 2],
    scale: Scale,
    refusal: impl Fn(BookError) -> DecodeError,
) -> Vec<LevelOffset> {
    let mut offsets = Vec::new();
    for (side, levels) in [Side::Bid, Side::Ask].into_iter().zip(sides) {
        for (index, &level) in levels.iter().enumerate() {
            let (kind, ticks) = (BookErrorKind::DuplicatePrice, level.ticks);
            let error = BookError {
                kind,
                side,
                index,
                ticks,
            };
            offsets.push((level, refusal(error).offset, scale));
        }
    }
    offsets
}

/// Checks that each offset is the start of its level.
pub(crate) fn check_offsets(
    text: &[u8],
    offsets: &[LevelOffset],
    read: fn(&Json, Scale) -> Result<Level, Refused>,
) {
    for &(level, at, scale) in offsets {
        let rest = &text[at as usize..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Json>();
        let there = values.next().expect("a value").expect("JSON");
        assert_eq!(read(&there, scale), Ok(level));
    }
}

/// Reads a level of decimals. `quantity` is the name of the quantity.
pub(crate) fn read_level(json: &Json, scale: Scale, quantity: &str) -> Result<Level, Refused> {
    let [price, quantity] = json.fields(["price", quantity])?;
    Ok(Level::new(
        Ticks(required(price)?.steps(scale.price_decimals())?),
        Lots(required(quantity)?.steps(scale.quantity_decimals())?),
    ))
}

/// Appends a message to a nonempty buffer. Returns the result and the appended bytes. An error must append nothing.
pub(crate) fn append<T, E>(
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<(T, Vec<u8>), E> {
    const BEFORE: &[u8] = b"before";
    let mut out = BEFORE.to_vec();
    let result = write(&mut out);
    let written = out.strip_prefix(BEFORE).expect("it was appended");
    assert!(
        result.is_ok() || written.is_empty(),
        "a rejected message was appended"
    );
    result.map(|value| (value, written.to_vec()))
}
