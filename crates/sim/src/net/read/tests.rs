//! Frames that a client may send, and what is made of them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use fastwebsockets::{Role, after_handshake_split};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn frame(fin: bool, opcode: OpCode, payload: &[u8]) -> Frame<'_> {
    Frame::new(fin, opcode, Some([0; 4]), payload.into())
}

#[test]
fn puts_fragments_together_around_control_frames() {
    let mut messages = Parts::new(8);
    assert_eq!(messages.accept(frame(false, OpCode::Text, b"a\xc3")), None);
    let ping = messages.accept(frame(true, OpCode::Ping, b"x"));
    assert_eq!(ping, Some(Event::Ping(b"x".to_vec())));
    let whole = messages.accept(frame(true, OpCode::Continuation, b"\xa9!"));
    assert_eq!(whole, Some(Event::Text("aé!".to_owned())));
}

#[test]
fn refuses_what_breaks_the_rules() {
    let fault = |payload: &[u8], fin, opcode| {
        let mut messages = Parts::new(8);
        messages.accept(frame(fin, opcode, payload))
    };
    let protocol = Some(Event::Fault(Close::PROTOCOL));
    assert_eq!(fault(b"", true, OpCode::Continuation), protocol);
    assert_eq!(fault(&[0; 126], true, OpCode::Pong), protocol);
    assert_eq!(fault(b"\x03", true, OpCode::Close), protocol);
    assert_eq!(
        fault(&1005_u16.to_be_bytes(), true, OpCode::Close),
        protocol
    );
    assert_eq!(
        fault(b"\xff", true, OpCode::Text),
        Some(Event::Fault(Close::NOT_UTF8))
    );
    assert_eq!(
        fault(b"123456789", true, OpCode::Text),
        Some(Event::Fault(Close::TOO_BIG))
    );
    let unmasked = Frame::new(true, OpCode::Text, None, b"{}"[..].into());
    let event = Parts::new(8).accept(unmasked);
    assert_eq!(event, Some(Event::Fault(Close::UNMASKED)));
}

#[test]
fn the_limit_counts_all_fragments() {
    let mut messages = Parts::new(8);
    assert_eq!(messages.accept(frame(false, OpCode::Text, b"12345")), None);
    let event = messages.accept(frame(true, OpCode::Continuation, b"6789"));
    assert_eq!(event, Some(Event::Fault(Close::TOO_BIG)));
}

/// Tells how much its reader had room for at most.
struct Room<S>(S, Rc<Cell<usize>>);

impl<S: AsyncRead + Unpin> AsyncRead for Room<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.set(self.1.get().max(buf.remaining()));
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

#[tokio::test]
async fn a_flood_of_messages_takes_a_few_reads_of_memory() {
    let mut message = vec![0x82, 0xfe, 0x1f, 0x40, 0, 0, 0, 0];
    message.resize(message.len() + 8_000, b'x');
    let flood = message.repeat(4_000);
    let (room, mut count) = (Rc::default(), 0);
    let stream = Room(Sips(&flood[..]), Rc::clone(&room));
    let (read, _) = after_handshake_split(stream, tokio::io::sink(), Role::Server);
    let mut read = Messages::of(read, 8_000);
    while read.next().await != Event::Lost {
        count += 1;
    }
    assert_eq!(count, 4_000);
    assert!(room.get() <= 4 * READ_AT_MOST, "{} bytes", room.get());
}

#[test]
fn reads_a_close() {
    let close = |payload: &[u8]| closing(payload);
    assert_eq!(close(b""), Event::Close(None));
    assert_eq!(close(&1000_u16.to_be_bytes()), Event::Close(Some(1000)));
    assert_eq!(close(b"\x0f\xa0bye"), Event::Close(Some(4000)));
    // RFC 6455, section 7.4.1.
    assert_eq!(close(b"\x0f\xa0\xff"), Event::Fault(Close::NOT_UTF8));
}

/// A frame, right or wrong.
#[derive(Clone, Debug)]
struct Sent {
    fin: bool,
    rsv: u8,
    opcode: u8,
    is_masked: bool,
    /// Whether its length takes more bytes than it needs: the frame reader lets that pass.
    is_long: bool,
    payload: Vec<u8>,
}

impl Sent {
    fn is_control(&self) -> bool {
        self.opcode >= 8
    }

    fn bytes(&self) -> Vec<u8> {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mask = if self.is_masked { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ ..126), _) if !self.is_long => bytes.push(mask | length),
            (_, Ok(length)) => {
                bytes.push(mask | 126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        let key = if self.is_masked { KEY } else { [0; 4] };
        bytes.extend(&key[..if self.is_masked { 4 } else { 0 }]);
        bytes.extend(
            self.payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        bytes
    }

    /// The codes of the rules that it breaks by itself, or next to a message that is `open` and may still
    /// be `left` bytes longer.
    fn broken(&self, open: bool, left: usize) -> Vec<u16> {
        let is_known = matches!(self.opcode, 0..=2 | 8..=10);
        let is_out_of_place = !self.is_control() && (self.opcode == 0) != open;
        let is_odd_control = self.is_control() && (!self.fin || self.payload.len() > 125);
        let is_wrong =
            self.rsv != 0 || !is_known || is_out_of_place || is_odd_control || !self.is_masked;
        let mut codes: Vec<u16> = is_wrong.then_some(1002).into_iter().collect();
        let most = if self.is_control() {
            left.max(125)
        } else {
            left
        };
        codes.extend((self.payload.len() > most).then_some(1009));
        if !codes.is_empty() && std::str::from_utf8(&self.payload).is_err() {
            codes.push(1007);
        }
        codes
    }
}

/// What comes of frames, by RFC 6455: events, of which the last may be one of several faults, and whether
/// the frame that breaks a rule is the last one.
fn expected(frames: &[Sent], max: usize) -> (Vec<Event>, Option<(usize, Vec<u16>)>) {
    let (mut events, mut open) = (Vec::new(), None::<(u8, Vec<u8>)>);
    for (place, frame) in frames.iter().enumerate() {
        let left = open.as_ref().map_or(max, |(_, parts)| max - parts.len());
        let broken = frame.broken(open.is_some(), left);
        if !broken.is_empty() {
            return (events, Some((place, broken)));
        }
        let payload = frame.payload.clone();
        match frame.opcode {
            8 => match close(&payload) {
                Ok(code) => events.push(Event::Close(code)),
                Err(codes) => return (events, Some((place, codes))),
            },
            9 => events.push(Event::Ping(payload)),
            10 => events.push(Event::Pong),
            opcode => {
                let (kind, parts) = open.get_or_insert((opcode, Vec::new()));
                parts.extend(payload);
                if frame.fin {
                    let text = String::from_utf8(std::mem::take(parts));
                    match (*kind, text) {
                        (2, _) => events.push(Event::Binary),
                        (_, Ok(text)) => events.push(Event::Text(text)),
                        (_, Err(_)) => return (events, Some((place, vec![1007]))),
                    }
                    open = None;
                }
            }
        }
        if events.last().is_some_and(Event::is_last) {
            break;
        }
    }
    (events, None)
}

/// The code of a close, or what is wrong with it.
fn close(payload: &[u8]) -> Result<Option<u16>, Vec<u16>> {
    let [first, second, reason @ ..] = payload else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(vec![1002])
        };
    };
    let code = u16::from_be_bytes([*first, *second]);
    let is_defined = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    let mut codes: Vec<u16> = (!is_defined).then_some(1002).into_iter().collect();
    codes.extend(std::str::from_utf8(reason).is_err().then_some(1007));
    if codes.is_empty() {
        Ok(Some(code))
    } else {
        Err(codes)
    }
}

/// A stream that is given piece by piece, with a pause before each, and then ends or is reset.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    is_reset: bool,
    pauses: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pauses = !self.pauses;
        if self.pauses {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(mut piece) = self.pieces.pop_front() else {
            let reset = Err(io::ErrorKind::ConnectionReset.into());
            return Poll::Ready(if self.is_reset { reset } else { Ok(()) });
        };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

fn frames() -> impl Strategy<Value = Vec<Sent>> {
    let seldom = |chance| prop::bool::weighted(chance);
    let text = prop_oneof![
        8 => select(vec![&b""[..], b"a", "\u{e9}".as_bytes(), b"{}"]).prop_map(<[u8]>::to_vec),
        2 => select(vec![&b"\xc3"[..], b"\xa9", b"\xff"]).prop_map(<[u8]>::to_vec),
        2 => select(vec![124_usize, 125, 126, 300, 65_535, 65_536]).prop_map(|length| vec![b'x'; length]),
    ];
    let close = select(vec![
        &b""[..],
        b"\x03",
        b"\x03\xe8",
        b"\x0f\xa0bye",
        b"\x0f\xa0\xff",
        b"\x03\xed",
        b"\x03\xe7\xff",
    ]);
    let data = prop_oneof![4 => Just(0_u8), 6 => Just(1), 2 => Just(2), 2 => Just(9), 2 => Just(10), 1 => 0..16_u8];
    let kind = prop_oneof![15 => (data, text), 1 => (Just(8), close.prop_map(<[u8]>::to_vec))];
    let frame = (kind, seldom(0.7), seldom(0.02), seldom(0.98), seldom(0.05));
    let frame = frame.prop_map(
        |((opcode, payload), fin, is_reserved, is_masked, is_long)| Sent {
            fin: fin || opcode >= 8 && !is_reserved,
            rsv: u8::from(is_reserved),
            opcode,
            is_masked,
            is_long,
            payload,
        },
    );
    vec(frame, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However the bytes are cut and wherever they end, and in bounded memory.
    #[test]
    fn frames_come_to_what_rfc_6455_says(
        frames in frames(),
        max in select(vec![125_usize, 126, 400, 70_000]),
        cuts in vec(1..40_usize, 0..20),
        end: Option<prop::sample::Index>,
        is_reset: bool,
    ) {
        let ends: Vec<_> = frames
            .iter()
            .scan(0, |sum, frame| {
                *sum += frame.bytes().len();
                Some(*sum)
            })
            .collect();
        let mut bytes = frames.iter().flat_map(Sent::bytes).collect::<Vec<_>>();
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len() + 1)));
        let whole = ends.iter().filter(|end| **end <= bytes.len()).count();
        // A frame that is not whole may be refused by what is there of it, or the stream be lost.
        let (due, fault) = expected(&frames[..whole], max);
        let partial = expected(&frames[..frames.len().min(whole + 1)], max).1;

        let mut pieces = VecDeque::new();
        for cut in cuts {
            let rest = bytes.split_off(cut.min(bytes.len()));
            pieces.push_back(std::mem::replace(&mut bytes, rest));
        }
        pieces.push_back(bytes);
        pieces.retain(|piece| !piece.is_empty());
        let room = Rc::default();
        let stream = Pieces { pieces, is_reset, pauses: false };
        let stream = Room(Sips(stream), Rc::clone(&room));
        let (read, _) = after_handshake_split(stream, tokio::io::sink(), Role::Server);
        let mut read = Messages::of(read, max);
        let mut events = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            while !events.last().is_some_and(Event::is_last) {
                events.push(read.next().await);
                assert!(read.parts.parts.len() <= max);
            }
        });
        prop_assert!(room.get() <= 4 * READ_AT_MOST + 2 * max, "{} bytes", room.get());
        if !due.last().is_some_and(Event::is_last) {
            let last = events.pop();
            let is_right = match (&last, fault, partial) {
                (Some(Event::Fault(close)), Some((_, codes)), _) => codes.contains(&close.code()),
                (Some(Event::Fault(close)), None, Some((place, codes))) => place == whole && codes.contains(&close.code()),
                (Some(Event::Lost), fault, _) => fault.is_none(),
                _ => false,
            };
            prop_assert!(is_right, "{last:?}");
        }
        prop_assert_eq!(events, due);
    }
}
