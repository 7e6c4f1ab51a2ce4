//! The parameters that a seed determines at the start.

use std::time::Duration;

use ticklot::bayse::{Bayse, Currency};
use ticklot::book::Coverage;
use ticklot::jayx::{Envelope, JayX};
use ticklot::{Options, Scale};
use ticklot_book::{Nanos, Ticks};
use ticklot_sim::{MarketConfig, Rate, bayse, jayx};

use super::delta::{self, server};
use super::fault::Fault;
use super::subscription::{self, Subscription};
use crate::delta_venue::{DeltaVenue, Snapshots, Storage};

pub(super) const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MS;

/// The frame limits of the session and of the transport. Both are longer than any batch of the server.
pub(super) const MAX_FRAME: usize = 64 * 1024;
pub(super) const MAX_MESSAGE: usize = 96 * 1024;

/// The symbols of the JayX server.
pub(super) const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// The indexes of the servers.
pub(super) const JAYX: usize = 0;
pub(super) const BAYSE: usize = 1;
pub(super) const DELTA: usize = 2;

/// One connection of the client's.
#[derive(Clone, Debug)]
pub(super) enum ConnectionPlan {
    JayX {
        symbol: &'static str,
        envelope: Envelope,
    },
    Bayse {
        currency: Currency,
        subscriptions: Vec<Subscription>,
    },
    Delta,
}

impl ConnectionPlan {
    /// The index of its server.
    pub(super) fn host(&self) -> usize {
        match self {
            Self::JayX { .. } => JAYX,
            Self::Bayse { .. } => BAYSE,
            Self::Delta => DELTA,
        }
    }
}

/// The parameters of one seed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// The kinds of faults: about half of all.
    pub(super) faults: Vec<Fault>,
    /// The mean interval of faults.
    pub(super) fault_every: u64,
    /// The time of the last fault.
    pub(super) faults_end: Nanos,
    /// The minimum and the maximum latency of a frame.
    pub(super) latency: (u64, u64),
    /// The interval of each server's market steps.
    pub(super) step_every: [u64; 3],
    /// The mean interval of the user's changes; `None` for no changes.
    pub(super) user_every: Option<u64>,
    pub(super) stale_after: Duration,
    pub(super) ack_timeout: Duration,
    pub(super) ping_every: Option<Duration>,
    /// Whether to request the first books over HTTP.
    pub(super) fetches: bool,
    pub(super) connections: Vec<ConnectionPlan>,
    /// Whether snapshots of the delta venue are served over HTTP.
    delta_by_http: bool,
    /// Which of its markets move rarely.
    quiet: [bool; 2],
    base: Duration,
    cap: Duration,
    batch: bool,
    heartbeat: (Duration, Duration),
    ws_ping: Duration,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let rng = &mut fastrand::Rng::with_seed(seed ^ 0x91a4_0000_0000_91a4);
        let mut ms = |range: std::ops::Range<u64>| Duration::from_millis(rng.u64(range));
        let step = [ms(150..1_000), ms(200..1_000), ms(150..1_000)];
        let slowest = step.into_iter().max().unwrap_or_default();
        let (stale, ack_timeout) = (ms(1_000..30_000), ms(500..5_000));
        let (base, cap, ws_ping) = (ms(50..1_000), ms(1_000..30_000), ms(2_000..54_000));
        let heartbeat = (ms(1_000..25_000), ms(2_000..20_000));
        let ping = ms(1_000..10_000);
        let low = rng.u64(MS..60 * MS);
        Self {
            seed,
            faults: faults(rng),
            fault_every: rng.u64(300..4_000) * MS,
            faults_end: Nanos(rng.u64(20..60) * SECOND),
            latency: (low, low + rng.u64(MS..150 * MS)),
            step_every: step.map(nanos),
            user_every: rng.bool().then(|| rng.u64(200..3_000) * MS),
            stale_after: stale.max(slowest * 4),
            ack_timeout,
            ping_every: rng.bool().then_some(ping),
            fetches: rng.u32(0..3) == 0,
            connections: connections(rng),
            delta_by_http: rng.bool(),
            quiet: [rng.u32(0..4), rng.u32(0..4)].map(|n| n == 0),
            base,
            cap,
            batch: rng.u32(0..4) > 0,
            heartbeat,
            ws_ping,
        }
    }

    /// The options of a session.
    pub(super) fn options(&self, index: usize) -> Options {
        let mut options = Options::default();
        options.reconnect.base = self.base;
        options.reconnect.cap = self.cap;
        options.stale_after = Some(self.stale_after);
        options.resync.snapshot_timeout = self.ack_timeout;
        options.resync.cap = self.cap;
        options.max_frame = MAX_FRAME;
        options.seed = Some(self.seed ^ (index as u64) << 40);
        options
    }

    pub(super) fn jayx(&self, symbol: &str, envelope: Envelope) -> JayX {
        let venue = JayX::new(symbol).url("ws://sim").envelope(envelope);
        venue.build().expect("a symbol and no key")
    }

    pub(super) fn bayse(&self, currency: Currency, subscriptions: &[Subscription]) -> Bayse {
        let mut venue = Bayse::markets().url("ws://sim").currency(currency);
        venue = venue.ack_timeout(self.ack_timeout);
        if let Some(every) = self.ping_every {
            venue = venue.ping_every(every);
        }
        if self.fetches {
            let outcomes = subscriptions
                .iter()
                .flat_map(|subscription| subscription.outcomes());
            venue = venue.first_books("http://sim", outcomes, 20);
        }
        for subscription in subscriptions {
            venue = venue.follow(subscription.topic());
        }
        venue.build().expect("ids that are not empty")
    }

    pub(super) fn delta(&self) -> DeltaVenue {
        let [flat, ladder] = delta::SYMBOLS;
        let snapshots = match self.delta_by_http {
            true => Snapshots::Http,
            false => Snapshots::Stream,
        };
        DeltaVenue::new("ws://sim/deltas")
            .symbol(flat, Scale::UNIT, Storage::Flat)
            .symbol(ladder, Scale::UNIT, Storage::Ladder)
            .with_coverage(Coverage::Full)
            .with_checksum()
            .with_subscriptions(self.ack_timeout)
            .with_snapshots(snapshots)
    }

    /// Whether all faults are faults of deltas.
    pub(super) fn has_faults_of_deltas_only(&self) -> bool {
        self.faults.iter().all(|fault| fault.is_of_delta())
    }

    /// The configuration of the delta server's `n`th start. Update ids of two starts do not overlap.
    pub(super) fn delta_server(&self, n: u64) -> server::Config {
        server::Config {
            seed: self.seed.wrapping_mul(41).wrapping_add(n) << 1,
            number: 1_000_000 * n,
            quiet: self.quiet,
            by_http: self.delta_by_http,
            ping_every: self.ws_ping,
        }
    }

    /// The configuration of the JayX server's `n`th start.
    pub(super) fn jayx_server(&self, n: u64) -> jayx::Config {
        let market = MarketConfig {
            depth: 8,
            orders: 24,
            events: 12,
            trades: 4,
            fair: Ticks(6_680_000 + 1_000 * i64::try_from(n).unwrap_or(0)),
            ..MarketConfig::btcusdt()
        };
        let symbol = |name: &str| jayx::Symbol {
            name: name.to_owned(),
            market: market.clone(),
        };
        jayx::Config {
            seed: self.seed.wrapping_mul(31).wrapping_add(n),
            symbols: SYMBOLS.iter().map(|name| symbol(name)).collect(),
            accounts: Vec::new(),
            ping_interval: self.heartbeat.0,
            ping_timeout: self.heartbeat.1,
            ..jayx::Config::default()
        }
    }

    /// The configuration of the Bayse Markets server's `n`th start.
    pub(super) fn bayse_server(&self, n: u64) -> bayse::Config {
        bayse::Config {
            seed: self.seed.wrapping_mul(37).wrapping_add(n),
            markets: subscription::listings(),
            events: Vec::new(),
            users: subscription::users(),
            assets: Vec::new(),
            batch: self.batch,
            ping_every: self.ws_ping,
            messages: Rate {
                count: 10,
                per: Duration::from_secs(1),
            },
            backlog: 64,
            ..bayse::Config::default()
        }
    }

    /// The time limit for the recovery of all books after the last fault. It is the sum of these times: the silence
    /// that reveals a dead connection, an attempt that times out, the longest reconnect wait, the handshake, and the
    /// longest retry interval of a room or the pause after a rate limit error.
    pub(super) fn recovery(&self, clocks: Duration) -> Duration {
        let wait = self.cap + Duration::from_secs(MAX_RETRY_AFTER);
        let heartbeat = self.heartbeat.0 + self.heartbeat.1;
        let silence = heartbeat.max(Duration::from_secs(64));
        let attempt = Duration::from_secs(5 + 20);
        let rooms = self.ack_timeout * 16 + Duration::from_secs(12);
        let own = silence + attempt + wait + rooms.max(Duration::from_secs(160));
        own + Duration::from_secs(10) + clocks
    }
}

/// The longest `Retry-After` of the servers, in seconds.
pub(super) const MAX_RETRY_AFTER: u64 = 12;

/// About half of the kinds. Every eighth seed has all delta faults and no others.
fn faults(rng: &mut fastrand::Rng) -> Vec<Fault> {
    let is_of_deltas_only = rng.u32(0..8) == 0;
    let all = Fault::ALL
        .into_iter()
        .filter(|fault| !fault.is_consequence());
    let pick = |fault: &Fault| match is_of_deltas_only {
        true => fault.is_of_delta(),
        false => rng.bool(),
    };
    all.filter(pick).collect()
}

/// One connection to each venue, and sometimes another.
fn connections(rng: &mut fastrand::Rng) -> Vec<ConnectionPlan> {
    let mut connections = vec![
        jayx(rng, SYMBOLS[0]),
        bayse(rng, Currency::Usd),
        ConnectionPlan::Delta,
    ];
    if rng.u32(0..3) == 0 {
        connections.push(jayx(rng, SYMBOLS[1]));
    }
    if rng.u32(0..3) == 0 {
        connections.push(bayse(rng, Currency::Ngn));
    }
    connections
}

fn jayx(rng: &mut fastrand::Rng, symbol: &'static str) -> ConnectionPlan {
    let envelope = match rng.u32(0..3) {
        0 => Envelope::Plain,
        _ => Envelope::SocketIo,
    };
    ConnectionPlan::JayX { symbol, envelope }
}

/// The books of one market, and few or many other rooms.
fn bayse(rng: &mut fastrand::Rng, currency: Currency) -> ConnectionPlan {
    let mut all = Subscription::all();
    let first = all.remove(0);
    let most = if rng.bool() { 3 } else { all.len() };
    rng.shuffle(&mut all);
    all.truncate(rng.usize(0..=most));
    all.push(first);
    let subscriptions = all;
    ConnectionPlan::Bayse {
        currency,
        subscriptions,
    }
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
