//! What happens to a server and its clients.

use arbitrary::{Arbitrary, Unstructured};

#[derive(Debug)]
pub(super) enum Step {
    /// A client comes.
    Upgrade {
        target: String,
        from: u8,
    },
    Text {
        client: u8,
        text: String,
    },
    Binary {
        client: u8,
    },
    Pong {
        client: u8,
    },
    /// Its deadline may have come.
    Timeout {
        client: u8,
    },
    /// It is told what is new.
    News {
        client: u8,
    },
    /// Time passes, in milliseconds.
    Pass(u16),
    /// The wall clock is set.
    Wall(i32),
    /// The markets move.
    Market,
    /// Prices from outside move.
    Quote,
    /// A document is asked for.
    Get(String),
}

/// Steps, a line each: a letter, for most of them the digit of a client, then what belongs to it.
/// `u` upgrade, `t` text, `b` binary, `o` pong, `d` deadline, `n` news, `p` milliseconds, `w` seconds
/// of the wall clock, `m` market, `q` quote, `g` get. A line of something else is none.
pub(super) fn script(data: &[u8]) -> Vec<Step> {
    let text = String::from_utf8_lossy(data);
    few(text.split('\n').filter_map(step))
}

/// So many that a life takes milliseconds: moving the markets takes most of them.
fn few(steps: impl Iterator<Item = Step>) -> Vec<Step> {
    const MOST: usize = 200;
    const MARKETS: usize = 40;
    let mut moves = 0;
    let is_few = |step: &Step| {
        moves += usize::from(matches!(step, Step::Market | Step::Quote));
        moves <= MARKETS
    };
    steps.take_while(is_few).take(MOST).collect()
}

fn step(line: &str) -> Option<Step> {
    let mut letters = line.chars();
    let kind = letters.next()?;
    let all = letters.as_str();
    let digit = letters.next().and_then(|it| it.to_digit(10)).unwrap_or(0);
    let client = u8::try_from(digit).expect("a digit");
    let rest = letters.as_str().to_owned();
    Some(match kind {
        'u' => Step::Upgrade {
            target: rest,
            from: client,
        },
        't' => Step::Text { client, text: rest },
        'b' => Step::Binary { client },
        'o' => Step::Pong { client },
        'd' => Step::Timeout { client },
        'n' => Step::News { client },
        'p' => Step::Pass(all.parse().ok()?),
        'w' => Step::Wall(all.parse().ok()?),
        'm' => Step::Market,
        'q' => Step::Quote,
        'g' => Step::Get(all.to_owned()),
        _ => return None,
    })
}

#[derive(Debug, Arbitrary)]
enum Made {
    Upgrade {
        path: u8,
        from: u8,
    },
    Text {
        client: u8,
    },
    Raw {
        client: u8,
        bytes: Vec<u8>,
    },
    Binary {
        client: u8,
    },
    Pong {
        client: u8,
    },
    Timeout {
        client: u8,
    },
    News {
        client: u8,
    },
    Pass(u16),
    Wall(i32),
    Market,
    Quote,
    Get {
        outcomes: u8,
        depth: u8,
        currency: u8,
    },
}

/// Steps that are made of the bytes, with requests that are nearly right: `text` makes one.
pub(super) fn made(
    data: &[u8],
    text: fn(&mut Unstructured<'_>) -> arbitrary::Result<String>,
) -> Vec<Step> {
    const TARGETS: [&str; 8] = [
        "/ws/v1/markets",
        "/ws/v1/realtime",
        "/ws/v1/user",
        "/socket.io/?EIO=4&transport=websocket",
        "/",
        "/ws/v1/markets?x=y",
        "/socket.io/?EIO=3&transport=websocket",
        "/socket.io/",
    ];
    let mut u = Unstructured::new(data);
    let mut steps = Vec::new();
    while !u.is_empty() && steps.len() < 200 {
        let Ok(made) = Made::arbitrary(&mut u) else {
            break;
        };
        steps.push(match made {
            Made::Upgrade { path, from } => Step::Upgrade {
                target: TARGETS[usize::from(path) % TARGETS.len()].to_owned(),
                from: from % 3,
            },
            Made::Text { client } => match text(&mut u) {
                Ok(text) => Step::Text { client, text },
                Err(_) => break,
            },
            Made::Raw { client, bytes } => Step::Text {
                client,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            },
            Made::Binary { client } => Step::Binary { client },
            Made::Pong { client } => Step::Pong { client },
            Made::Timeout { client } => Step::Timeout { client },
            Made::News { client } => Step::News { client },
            Made::Pass(ms) => Step::Pass(ms),
            Made::Wall(seconds) => Step::Wall(seconds),
            Made::Market => Step::Market,
            Made::Quote => Step::Quote,
            Made::Get {
                outcomes,
                depth,
                currency,
            } => Step::Get(format!(
                "/v1/pm/books?outcomeId[]=out_us-rate-cut-{}&depth={}&currency={}",
                ["yes", "no", "x"][usize::from(outcomes) % 3],
                depth % 30,
                ["USD", "NGN", "EUR"][usize::from(currency) % 3],
            )),
        });
    }
    few(steps.into_iter())
}
