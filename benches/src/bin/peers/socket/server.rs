//! A loopback server on a separate thread.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use ticklot_transport::accept_key;

use crate::input::Input;

/// The frames of an input as a server's WebSocket frames, one after the other.
pub(crate) struct Stream {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Stream {
    pub(crate) fn new(input: &Input) -> anyhow::Result<Self> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for frame in &input.frames {
            write_frame(frame, &mut bytes)?;
            ends.push(bytes.len());
        }
        Ok(Self { bytes, ends })
    }

    fn start(&self, frame: usize) -> usize {
        frame.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The bytes of these frames.
    pub(crate) fn of(&self, frames: &Range<usize>) -> &[u8] {
        &self.bytes[self.start(frames.start)..self.start(frames.end)]
    }
}

/// The first packets of a Socket.IO server, as frames.
pub(crate) fn greeting() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for packet in GREETING {
        write_frame(packet, &mut bytes)?;
    }
    Ok(bytes)
}

/// Appends a text as a server's WebSocket frame.
pub(crate) fn write_frame(text: &str, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    bytes.push(0x81); // an unfragmented text frame
    match text.len() {
        len @ 0..126 => bytes.push(u8::try_from(len)?),
        len => {
            bytes.push(126);
            bytes.extend(u16::try_from(len)?.to_be_bytes());
        }
    }
    bytes.extend(text.as_bytes());
    Ok(())
}

/// The first packets of a Socket.IO server.
const GREETING: [&str; 2] = [
    r#"0{"sid":"1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
    r#"40{"sid":"1"}"#,
];

/// A command to the server's thread.
enum Command {
    /// Accept `count` connections; with `upgrade` their upgrades, and with `greet` send each the Socket.IO greeting.
    Accept {
        count: usize,
        upgrade: bool,
        greet: bool,
    },
    /// Write `count` frames without pause, each to the next connection and for the next of `books` books. Each book receives
    /// consecutive frames of the stream.
    WriteInTurn { count: usize, books: usize },
    /// Write these frames to a connection, as fast as the client reads them.
    Write { to: usize, frames: Range<usize> },
}

/// The handle of the server. Dropping it ends the thread.
pub(crate) struct Server {
    pub(super) address: SocketAddr,
    commands: SyncSender<Command>,
    done: Receiver<anyhow::Result<()>>,
    connections: Cell<usize>,
    /// The number of commands that may still be pending.
    pending: Cell<usize>,
}

impl Server {
    pub(crate) fn start(stream: Arc<Stream>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        // Bounded: an unbounded channel allocates on the reader's thread, where allocations are counted.
        let (commands, receiver) = sync_channel(8);
        let (sender, done) = sync_channel(8);
        let mut state = State {
            listener,
            stream,
            connections: Vec::new(),
            sent: 0,
        };
        thread::spawn(move || {
            for command in receiver {
                if sender.send(state.execute(command)).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            address,
            commands,
            done,
            connections: Cell::new(0),
            pending: Cell::new(0),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Accepts `count` connections and their upgrades, with the Socket.IO greeting if `greet` is set.
    pub(crate) fn accept_all(&self, count: usize, greet: bool) -> anyhow::Result<()> {
        self.send(Command::Accept {
            count,
            upgrade: true,
            greet,
        })
    }

    /// Writes `count` frames without pause, each to the next connection. With more than one book, the frames are
    /// messages of Bayse Markets, and each is for the next book.
    pub(crate) fn write_in_turn(&self, count: usize, books: usize) -> anyhow::Result<()> {
        self.send(Command::WriteInTurn { count, books })
    }

    /// Accepts the next connection; returns its number.
    pub(super) fn accept(&self, upgrade: bool) -> anyhow::Result<usize> {
        self.send(Command::Accept {
            count: 1,
            upgrade,
            greet: false,
        })?;
        Ok(self.connections.replace(self.connections.get() + 1))
    }

    pub(crate) fn write(&self, to: usize, frames: Range<usize>) -> anyhow::Result<()> {
        self.send(Command::Write { to, frames })
    }

    fn send(&self, command: Command) -> anyhow::Result<()> {
        self.commands.send(command).context("the server is gone")?;
        self.pending.set(self.pending.get() + 1);
        Ok(())
    }

    /// Waits until all commands are done.
    pub(crate) fn wait(&self) -> anyhow::Result<()> {
        while self.pending.get() > 0 {
            self.pending.set(self.pending.get() - 1);
            self.done.recv().context("the server is gone")??;
        }
        Ok(())
    }
}

/// The state of the server's thread.
struct State {
    listener: TcpListener,
    stream: Arc<Stream>,
    connections: Vec<TcpStream>,
    /// The number of frames that were written in turn.
    sent: usize,
}

impl State {
    fn execute(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Accept {
                count,
                upgrade,
                greet,
            } => {
                let greeting = if greet { greeting()? } else { Vec::new() };
                for _ in 0..count {
                    let (mut connection, _) = self.listener.accept()?;
                    connection.set_nodelay(true)?;
                    if upgrade {
                        accept_upgrade(&mut connection)?;
                    }
                    connection.write_all(&greeting)?;
                    self.connections.push(connection);
                }
            }
            Command::WriteInTurn { count, books } => self.write_in_turn(count, books)?,
            Command::Write { to, frames } => {
                self.connections[to].write_all(self.stream.of(&frames))?;
            }
        }
        Ok(())
    }

    fn write_in_turn(&mut self, count: usize, books: usize) -> anyhow::Result<()> {
        let mut frame = Vec::new();
        // Each book starts at another frame of the stream, and continues where it stopped.
        let (len, all) = (self.stream.ends.len(), self.connections.len() * books);
        for message in self.sent..self.sent + count {
            let index = (message / all + message % all * len / all) % len;
            frame.clear();
            frame.extend(self.stream.of(&(index..index + 1)));
            if books > 1 {
                set_book(&mut frame, message % books)?;
            }
            let to = message % self.connections.len();
            self.connections[to].write_all(&frame)?;
        }
        self.sent += count;
        Ok(())
    }
}

/// Replaces the ids in a message of Bayse Markets by those of another book. Each market has two outcomes.
fn set_book(frame: &mut [u8], book: usize) -> anyhow::Result<()> {
    for (key, number) in [("\"marketId\":\"", book / 2), ("\"outcomeId\":\"", book)] {
        let mut windows = frame.windows(key.len());
        let key_at = windows.position(|it| it == key.as_bytes());
        // The last of the five parts of a UUID, which has 12 digits.
        let at = key_at.context("no id")? + key.len() + 24;
        frame[at..at + 12].copy_from_slice(format!("{number:012}").as_bytes());
    }
    Ok(())
}

/// Accepts the upgrade to WebSocket; returns the head of the request.
pub(crate) fn accept_upgrade(connection: &mut (impl Read + Write)) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, key)| key.trim())
        .context("no key")?;
    let accept = accept_key(key);
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    connection.write_all(response.as_bytes())?;
    connection.flush()?;
    Ok(head)
}
