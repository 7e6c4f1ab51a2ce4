//! Drives a [`Session`] with a custom socket. Without its default features, `ticklot` has no transport and no runtime.
//! The socket here is a blocking one of tungstenite; kernel bypass, a shared-memory ring or a relay work the same way.
//!
//! A driver has four tasks: it passes events with their times to the session, sends the messages of
//! [`Session::outgoing`], calls [`Session::timeout`] at [`Session::deadline`], and reconnects when [`Session::next`]
//! requests it. The program ends after a hundred books.

use std::error::Error;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use ticklot::driver::NextAction;
use ticklot::jayx::JayX;
use ticklot::venue::CallOutcome;
use ticklot::{
    Books, ConnectionId, Disconnect, Event, Handler, Nanos, OnMessage, Options, Session,
};
use ticklot_sim::Venue;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

/// A monotonic clock. Any monotonic clock is suitable.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// The strategy: counts updates with a live book, and stops after a hundred.
#[derive(Default)]
struct Counter {
    live: u32,
}

impl Handler for Counter {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            self.live += 1;
            if self.live == 100 {
                let (bid, ask) = (book.best_bid(), book.best_ask());
                println!("{} {bid:?} {ask:?}", books.name(update.book));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl OnMessage<JayX> for Counter {}

/// A session with its books, strategy and clock.
struct Driver {
    session: Session<JayX>,
    books: Books,
    strategy: Counter,
    clock: Clock,
}

impl Driver {
    /// Runs until the strategy or the session stops.
    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let now = self.clock.now();
            let reason = match self.session.next(now) {
                NextAction::Connect | NextAction::Open => self.connect(),
                NextAction::WaitUntil(time) => {
                    thread::sleep(time.since(now));
                    continue;
                }
                NextAction::Idle | NextAction::Done => return Ok(()),
            };
            let now = self.clock.now();
            let Self {
                session,
                books,
                strategy,
                ..
            } = self;
            let _ = session.disconnected(now, &reason, books, strategy);
        }
    }

    /// Opens a connection and runs it to its end.
    fn connect(&mut self) -> Disconnect {
        let address = self.session.url().trim_start_matches("ws://");
        let address = address.split('/').next().unwrap_or_default();
        let connected = TcpStream::connect(address).map_err(tungstenite::Error::Io);
        let upgraded = connected.and_then(|tcp| {
            tcp.set_nodelay(true)?;
            let client = tungstenite::client(self.session.url(), tcp);
            client.map_err(|error| tungstenite::Error::Io(std::io::Error::other(error)))
        });
        match upgraded {
            Ok((socket, _)) => self.read(socket),
            Err(error) => Disconnect::Failed(Box::new(error)),
        }
    }

    fn read(&mut self, mut socket: WebSocket<TcpStream>) -> Disconnect {
        let Self {
            session,
            books,
            strategy,
            clock,
        } = self;
        if session.opened(clock.now(), books, strategy).is_break() {
            return Disconnect::Stopped;
        }
        loop {
            while let Some(message) = session.outgoing(clock.now()) {
                let text = String::from_utf8_lossy(message).into_owned();
                if let Err(error) = socket.send(Message::text(text)) {
                    return Disconnect::Failed(Box::new(error));
                }
            }
            // The read times out at the next deadline.
            let wait = session.deadline().map(|due| due.since(clock.now()));
            let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
            if let Err(error) = socket.get_ref().set_read_timeout(wait) {
                return Disconnect::Failed(Box::new(error));
            }
            let reply = match socket.read() {
                Ok(Message::Text(text)) => {
                    session.frame(text.as_bytes(), clock.now(), books, strategy)
                }
                Ok(Message::Close(frame)) => return closed(frame),
                Ok(Message::Binary(_)) => return Disconnect::Binary,
                Ok(_) => {
                    session.record_activity(clock.now());
                    CallOutcome::Control
                }
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    match session.timeout(clock.now(), books, strategy) {
                        Some(reason) => return reason,
                        None => CallOutcome::Control,
                    }
                }
                Err(error) => return Disconnect::Failed(Box::new(error)),
            };
            match reply {
                CallOutcome::CloseConnection(what) => return Disconnect::Ended(what),
                CallOutcome::StopFeed => return Disconnect::Stopped,
                _ => {}
            }
        }
    }
}

/// The end by the server with its close code and reason. Code 1005 means that there was no code.
fn closed(frame: Option<CloseFrame>) -> Disconnect {
    let (code, reason) = match frame {
        Some(frame) => (frame.code.into(), frame.reason.to_string()),
        None => (1005, String::new()),
    };
    Disconnect::Closed { code, reason }
}

fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let mut books = Books::new();
    let venue = JayX::new("BTCUSDT").url(&url).build()?;
    let session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let mut driver = Driver {
        session,
        books,
        strategy: Counter::default(),
        clock: Clock(Instant::now()),
    };
    driver.run()?;
    let (live, frames) = (driver.strategy.live, driver.session.stats().frames);
    println!("{live} live books of {frames} frames");
    Ok(())
}
