//! The world over some hundred steps: candles against fills, accounts against the market.

use std::collections::BTreeMap;
use std::sync::Arc;

use ticklot_book::{Lots, Side, Ticks};

use super::desk::{Desk, Told};
use super::ledger::Now;
use super::trader::Act;
use super::world::World;
use super::*;
use crate::market::{Fill, MarketConfig, Order, Owner};

const START: u64 = 1_716_131_580_000;

/// Two symbols, and two accounts of which one trades in both, all of them restless.
fn config(seed: u64) -> Config {
    let busy = |api_key: &str, funds: &[(&str, &str)]| Account {
        api_key: api_key.to_owned(),
        funds: funds.iter().map(|it| Funds::new(it.0, it.1)).collect(),
        activity: 100,
        max_orders: 12,
    };
    let symbol = |name: &str| Symbol {
        name: name.to_owned(),
        market: MarketConfig::btcusdt(),
    };
    Config {
        seed,
        symbols: vec![symbol("BTCUSDT"), symbol("ETHUSDT")],
        accounts: vec![
            busy(
                "rich",
                &[("USDT", "90000.5"), ("BTC", "1.000001"), ("ETH", "0")],
            ),
            busy("poor", &[("BTC", "0.05"), ("USDT", "300")]),
        ],
        ..Config::default()
    }
}

fn world(seed: u64) -> World {
    World::new(Arc::new(config(seed)), START)
}

/// Whether an order still rests in the market as its owner believes.
fn rests(world: &World, symbol: usize, id: u64, own: &OwnOrder) -> bool {
    let mut market = world.pits[symbol].market.clone();
    let resting = market.withdraw(own.side, own.limit.unwrap(), id);
    resting.is_some_and(|it| (it.lots, it.filled, it.paid) == (own.lots, own.filled, own.cost))
}

/// What an account must have: counted on its own, from the fills alone.
struct Expected {
    owner: Owner,
    funds: BTreeMap<String, i128>,
}

impl Expected {
    fn of(world: &World, account: usize) -> Self {
        let balances = world.ledgers[account].balances();
        let funds = balances.into_iter().map(|it| (it.asset, it.balance.units));
        Self {
            owner: world.ledgers[account].owner(),
            funds: funds.collect(),
        }
    }

    fn fill(&mut self, base: &str, fill: &Fill) {
        for order in [fill.maker, fill.taker] {
            if order.owner == self.owner {
                let sign = if order.side == Side::Bid { 1 } else { -1 };
                let lots = sign * i128::from(fill.lots.0);
                *self.funds.get_mut(base).unwrap() += lots * 100;
                *self.funds.get_mut("USDT").unwrap() -= lots * i128::from(fill.ticks.0);
            }
        }
    }
}

#[test]
fn balances_are_what_the_fills_made_of_them() {
    for seed in 0..4 {
        let mut world = world(seed);
        let mut expected = [0, 1].map(|account| Expected::of(&world, account));
        let mut filled = 0;
        for step in 0..300 {
            world.make_step(START + step * 50);
            for (pit, base) in world.pits.iter().zip(["BTC", "ETH"]) {
                for fill in pit.market.fills() {
                    expected.iter_mut().for_each(|it| it.fill(base, fill));
                    filled += 1;
                }
            }
            for (account, expected) in expected.iter().enumerate() {
                for it in world.ledgers[account].balances() {
                    assert_eq!(it.balance.units, expected.funds[&it.asset], "{}", it.asset);
                    assert!(it.available.units >= 0 && it.available.units <= it.balance.units);
                }
            }
        }
        assert!(filled > 300, "seed {seed}: {filled} fills");
    }
}

#[test]
fn what_is_not_available_is_held_back_by_orders_that_rest() {
    let mut world = world(5);
    let mut most = 0;
    for step in 0..300 {
        world.make_step(START + step * 50);
        for ledger in &world.ledgers {
            let mut held = BTreeMap::new();
            for (symbol, base) in ["BTC", "ETH"].into_iter().enumerate() {
                for (id, order) in ledger.open(symbol) {
                    assert!(order.state.is_open() && rests(&world, symbol, id, &order));
                    let (asset, units) = match order.side {
                        Side::Bid => ("USDT", order.reserved()),
                        Side::Ask => (base, order.reserved() * 100),
                    };
                    *held.entry(asset).or_insert(0) += units;
                }
                most = most.max(ledger.open(symbol).len());
                assert!(ledger.open(symbol).len() <= 12);
            }
            for it in ledger.balances() {
                let held = held.get(it.asset.as_str()).unwrap_or(&0);
                assert_eq!(it.balance.units - it.available.units, *held);
            }
        }
    }
    assert!(most > 2, "{most} orders at once");
}

/// An order is told in each of its states, at last in one that it does not leave.
#[test]
fn orders_live_and_end() {
    let mut world = world(6);
    let mut states: BTreeMap<u64, Vec<OrderState>> = BTreeMap::new();
    let mut kinds = std::collections::HashSet::new();
    for step in 0..600 {
        world.make_step(START + step * 50);
        for order in world.ledgers[0].since(0, step).unwrap() {
            let known = states.entry(order.id).or_default();
            assert!(known.last().is_none_or(|it| it.is_open()), "{order:?}");
            known.push(order.state);
            kinds.insert((order.limit.is_none(), order.state));
            assert_eq!(order.filled > Lots(0), order.last.is_some());
            assert_eq!(
                order.state == OrderState::Filled,
                order.filled == order.lots
            );
            assert_eq!(order.modified_ms, START + step * 50);
            assert!(order.created_ms <= order.modified_ms);
        }
    }
    for kind in [
        (false, OrderState::New),
        (false, OrderState::PartiallyFilled),
        (false, OrderState::Filled),
        (false, OrderState::Canceled),
        (true, OrderState::Filled),
    ] {
        assert!(kinds.contains(&kind), "{kind:?} of {kinds:?}");
    }
    assert!(!kinds.contains(&(true, OrderState::New)));
}

#[test]
fn candles_are_those_of_the_fills() {
    let mut world = world(7);
    let mut all: Vec<(u64, Ticks, Lots)> = Vec::new();
    for step in 0..400 {
        // A silent stretch now and then: a step a minute, a step an hour.
        let ms = START + step * 4_000 + step / 50 * 600_000;
        world.make_step(ms);
        let fills = world.pits[0].market.fills().iter();
        all.extend(fills.map(|it| (ms / 1_000, it.ticks, it.lots)));
    }
    for (place, minutes) in INTERVALS.into_iter().enumerate() {
        let length = u64::from(minutes) * 60;
        let expected = all.chunk_by(|a, b| a.0 / length == b.0 / length);
        let prices = |fills: &[(u64, Ticks, Lots)]| {
            let ticks: Vec<_> = fills.iter().map(|it| it.1).collect();
            let (high, low) = (*ticks.iter().max().unwrap(), *ticks.iter().min().unwrap());
            (ticks[0], high, low, *ticks.last().unwrap())
        };
        let expected = expected.map(|fills| {
            let created = fills[0].0 / length * length;
            let volume: i64 = fills.iter().map(|it| it.2.0).sum();
            (created, prices(fills), volume, fills.last().unwrap().0)
        });
        let candles = world.pits[0].chart.series(place).candles();
        let made = candles.map(|it| {
            let prices = (it.open, it.high, it.low, it.close);
            (it.created, prices, it.volume.0, it.modified)
        });
        assert_eq!(
            made.collect::<Vec<_>>(),
            expected.collect::<Vec<_>>(),
            "{minutes}"
        );
    }
}

/// Ids differ by symbol, by interval and by candle, and look like the venue's.
#[test]
fn every_candle_has_an_id_of_its_own() {
    let mut world = world(8);
    for step in 0..200 {
        world.make_step(START + step * 4_000);
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut candles = 0;
    for pit in &world.pits {
        for place in 0..INTERVALS.len() {
            for candle in pit.chart.series(place).candles() {
                let id = candle.id();
                assert!(id.len() == 24 && id.bytes().all(|it| it.is_ascii_hexdigit()));
                ids.insert(id);
                candles += 1;
            }
        }
    }
    assert_eq!(ids.len(), candles);
}

#[test]
fn a_seed_decides_the_accounts_too() {
    let run = |seed| {
        let mut world = world(seed);
        (0..200).for_each(|step| world.make_step(START + step * 50));
        let view = world.pits[0].market.view();
        (world.ledgers[0].balances(), view)
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

/// An account that does nothing leaves the market as it would be without it.
#[test]
fn an_idle_account_moves_nothing() {
    let run = |activity: Option<u32>| {
        let accounts = activity.map(|activity| Account {
            activity,
            ..Account::demo()
        });
        let config = Config {
            accounts: accounts.into_iter().collect(),
            ..Config::default()
        };
        let mut world = World::new(Arc::new(config), START);
        (0..200).for_each(|step| world.make_step(START + step * 50));
        world.pits[0].market.view()
    };
    assert_eq!(run(None), run(Some(0)));
    assert_ne!(run(None), run(Some(100)));
}

/// The end of an order that is forgotten before it was told is not passed over in silence.
#[test]
fn a_forgotten_order_is_noticed() {
    let config = Config {
        backlog: 1,
        ..config(9)
    };
    let mut world = World::new(Arc::new(config), START);
    let order = |id| Order {
        id,
        owner: world.ledgers[0].owner(),
        side: Side::Bid,
        limit: Some(Ticks(1)),
        lots: Lots(1),
        filled: Lots(0),
        paid: 0,
        created_ms: 0,
    };
    let orders = [order(1), order(2)];
    let ledger = &mut world.ledgers[0];
    for (order, step) in orders.iter().zip(1..) {
        let now = Now { ms: 0, step };
        ledger.place(0, order, now);
        ledger.cancel(0, order, now);
    }
    assert_eq!(ledger.since(0, 0), None);
    assert_eq!(ledger.since(0, 1).map(|it| it.len()), Some(1));
}

/// What the whole market could not fill of a market order is over at once.
#[test]
fn a_market_order_never_stays_open() {
    let mut world = world(10);
    let all = world.pits[0].market.resting(Side::Bid);
    let act = Act::Place {
        side: Side::Ask,
        limit: None,
        lots: Lots(all + 7),
    };
    world.carry_out(act, 0, 0, Now { ms: 1, step: 1 });
    let told = world.ledgers[0].since(0, 0).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].state, told[0].filled),
        (OrderState::Canceled, Lots(all))
    );
    assert_eq!(world.ledgers[0].open(0).len(), 0);
}

/// What a subscription got at once is not told again as news.
#[test]
fn a_late_subscription_is_told_of_what_comes_later() {
    let mut world = world(11);
    (0..55).for_each(|step| world.make_step(START + step * 4_000));
    let (shared, _steps) = Shared::new(world);
    let mut desk = Desk::new(&shared);
    let minutes = serde_json::json!({"category": "spot", "symbol": "BTCUSDT", "interval": "1"});
    let hours = serde_json::json!({"category": "spot", "symbol": "BTCUSDT", "interval": "60"});
    assert_eq!(desk.ask("kline", &minutes).unwrap().len(), 1);
    assert_eq!(desk.ask("kline", &hours).unwrap().len(), 1);
    // A minute later there is a new candle of a minute, and that of the hour has changed; asking
    // again tells that one once more, as the first of all.
    (55..70).for_each(|step| shared.lock().make_step(START + step * 4_000));
    let told = desk.ask("kline", &hours).unwrap();
    let is_new = |it: &Told| it.payload.starts_with(r#"{"add":{"#);
    let told: Vec<_> = told.iter().map(is_new).collect();
    assert_eq!(told, [false, true, false, true]);
}
