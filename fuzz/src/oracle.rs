//! What holds of every venue's decoder, whatever it decodes.

use std::fmt::Debug;

use ticklot_book::{BookError, BookErrorKind, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::{DecodeBackend, DecodeError, ErrorKind};

use crate::json::{Json, Refused, required};

/// The backends of the decoders: all must decode any input alike.
pub(crate) const BACKENDS: [DecodeBackend; 3] = [
    DecodeBackend::Best,
    DecodeBackend::Portable,
    DecodeBackend::Off,
];

/// A level of a book, the byte that a refusal of it by the book names, and its scale.
pub(crate) type Placed = (Level, u32, Scale);

/// The message, its strings its own, and the levels of its books; or the refusal.
pub(crate) type Decoded<M> = Result<(M, Vec<Placed>), DecodeError>;

/// Frames, and what each comes to.
pub(crate) type All<'a, M> = Vec<(&'a [u8], Decoded<M>)>;

/// Decodes each frame with every backend, by decoders for all and by ones for itself. Those for all see
/// the frames twice: the first time they learn, the second time they know.
///
/// `decoders` makes one with each backend, the general one last: what that one makes of a frame is given to
/// `check`. Returns those for all and what all frames come to.
pub(crate) fn hold<'a, D, M: Debug + PartialEq>(
    frames: impl Iterator<Item = &'a [u8]>,
    decoders: impl Fn() -> Vec<D>,
    decode: fn(&mut D, &[u8]) -> Decoded<M>,
    check: impl Fn(&mut D, &[u8], &Decoded<M>),
) -> (Vec<D>, All<'a, M>) {
    let mut all = Vec::new();
    for frame in frames {
        let mut fresh = decoders();
        let general = fresh.last_mut().expect("the general one");
        let decoded = decode(general, frame);
        check(general, frame, &decoded);
        // At the first frame those for all are fresh themselves.
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

/// Holds what was decoded to what is expected, which is none if the text says nothing that could be read.
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

/// A refusal names a byte of the text. Returns its kind.
pub(crate) fn refused<T>(text: &[u8], result: &Result<T, DecodeError>) -> Option<ErrorKind> {
    let error = result.as_ref().err()?;
    assert!(error.offset as usize <= text.len(), "{error}");
    Some(error.kind)
}

/// The levels of a book.
pub(crate) fn places(
    sides: [&[Level]; 2],
    scale: Scale,
    refusal: impl Fn(BookError) -> DecodeError,
) -> Vec<Placed> {
    let mut places = Vec::new();
    for (side, levels) in [Side::Bid, Side::Ask].into_iter().zip(sides) {
        for (index, &level) in levels.iter().enumerate() {
            let (kind, ticks) = (BookErrorKind::DuplicatePrice, level.ticks);
            let error = BookError {
                kind,
                side,
                index,
                ticks,
            };
            places.push((level, refusal(error).offset, scale));
        }
    }
    places
}

/// A refusal by the book names the byte where a level begins.
pub(crate) fn check_places(
    text: &[u8],
    places: &[Placed],
    read: fn(&Json, Scale) -> Result<Level, Refused>,
) {
    for &(level, at, scale) in places {
        let rest = &text[at as usize..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Json>();
        let there = values.next().expect("a value").expect("JSON");
        assert_eq!(read(&there, scale), Ok(level));
    }
}

/// A level with decimals on a grid, whose quantity has this name.
pub(crate) fn read_level(json: &Json, scale: Scale, quantity: &str) -> Result<Level, Refused> {
    let [price, quantity] = json.fields(["price", quantity])?;
    Ok(Level::new(
        Ticks(required(price)?.steps(scale.price_decimals())?),
        Lots(required(quantity)?.steps(scale.quantity_decimals())?),
    ))
}

/// Appends a message to a buffer that is not empty. Returns the result and the appended bytes; a refusal appends none.
pub(crate) fn append<T, E>(
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<(T, Vec<u8>), E> {
    const BEFORE: &[u8] = b"before";
    let mut out = BEFORE.to_vec();
    let result = write(&mut out);
    let written = out.strip_prefix(BEFORE).expect("it was appended");
    assert!(result.is_ok() || written.is_empty(), "a refused message");
    result.map(|value| (value, written.to_vec()))
}
