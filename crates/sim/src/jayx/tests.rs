//! Tests of the exchange over hundreds of steps: candles against fills, and accounts against the market.

use std::collections::BTreeMap;
use std::sync::Arc;

use ticklot_book::{Lots, Side, Ticks};

use super::account_state::StepTime;
use super::exchange_state::ExchangeState;
use super::subscriptions::{ClientSubscriptions, Update};
use super::trader::TraderAction;
use super::*;
use crate::market::{Fill, MarketConfig, Order, Owner};

const START: u64 = 1_716_131_580_000;

/// Two symbols and two active accounts, of which one trades in both symbols.
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

fn state(seed: u64) -> ExchangeState {
    ExchangeState::new(Arc::new(config(seed)), START)
}

/// Whether the market contains the order in the state that its owner sees.
fn rests(state: &ExchangeState, symbol: usize, id: u64, own: &OwnOrder) -> bool {
    let mut market = state.symbols[symbol].market.clone();
    let resting = market.withdraw(own.side, own.limit.unwrap(), id);
    resting.is_some_and(|it| (it.lots, it.filled, it.paid) == (own.lots, own.filled, own.cost))
}

/// The expected balances of an account, computed from the fills.
struct Expected {
    owner: Owner,
    funds: BTreeMap<String, i128>,
}

impl Expected {
    fn of(state: &ExchangeState, account: usize) -> Self {
        let balances = state.accounts[account].balances();
        let funds = balances.into_iter().map(|it| (it.asset, it.balance.units));
        Self {
            owner: state.accounts[account].owner(),
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
fn balances_follow_fills() {
    for seed in 0..4 {
        let mut state = state(seed);
        let mut expected = [0, 1].map(|account| Expected::of(&state, account));
        let mut filled = 0;
        for step in 0..300 {
            state.make_step(START + step * 50);
            for (symbol_state, base) in state.symbols.iter().zip(["BTC", "ETH"]) {
                for fill in symbol_state.market.fills() {
                    expected.iter_mut().for_each(|it| it.fill(base, fill));
                    filled += 1;
                }
            }
            for (account, expected) in expected.iter().enumerate() {
                for it in state.accounts[account].balances() {
                    assert_eq!(it.balance.units, expected.funds[&it.asset], "{}", it.asset);
                    assert!(it.available.units >= 0 && it.available.units <= it.balance.units);
                }
            }
        }
        assert!(filled > 300, "seed {seed}: {filled} fills");
    }
}

#[test]
fn open_orders_reserve_funds() {
    let mut state = state(5);
    let mut most = 0;
    for step in 0..300 {
        state.make_step(START + step * 50);
        for account_state in &state.accounts {
            let mut held = BTreeMap::new();
            for (symbol, base) in ["BTC", "ETH"].into_iter().enumerate() {
                for (id, order) in account_state.open(symbol) {
                    assert!(order.state.is_open() && rests(&state, symbol, id, &order));
                    let (asset, units) = match order.side {
                        Side::Bid => ("USDT", order.reserved()),
                        Side::Ask => (base, order.reserved() * 100),
                    };
                    *held.entry(asset).or_insert(0) += units;
                }
                most = most.max(account_state.open(symbol).len());
                assert!(account_state.open(symbol).len() <= 12);
            }
            for it in account_state.balances() {
                let held = held.get(it.asset.as_str()).unwrap_or(&0);
                assert_eq!(it.balance.units - it.available.units, *held);
            }
        }
    }
    assert!(most > 2, "{most} orders at once");
}

/// A closed order does not change again.
#[test]
fn orders_reach_final_states() {
    let mut state = state(6);
    let mut states: BTreeMap<u64, Vec<OrderState>> = BTreeMap::new();
    let mut kinds = std::collections::HashSet::new();
    for step in 0..600 {
        state.make_step(START + step * 50);
        for order in state.accounts[0].since(0, step).unwrap() {
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
fn candles_match_fills() {
    let mut state = state(7);
    let mut all: Vec<(u64, Ticks, Lots)> = Vec::new();
    for step in 0..400 {
        // Some steps are ten minutes apart.
        let ms = START + step * 4_000 + step / 50 * 600_000;
        state.make_step(ms);
        let fills = state.symbols[0].market.fills().iter();
        all.extend(fills.map(|it| (ms / 1_000, it.ticks, it.lots)));
    }
    for (index, minutes) in INTERVALS.into_iter().enumerate() {
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
        let candles = state.symbols[0].candles.series(index).candles();
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

/// Ids differ by symbol, interval and candle, and have the venue's format.
#[test]
fn candle_ids_are_unique() {
    let mut state = state(8);
    for step in 0..200 {
        state.make_step(START + step * 4_000);
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut candles = 0;
    for symbol_state in &state.symbols {
        for index in 0..INTERVALS.len() {
            for candle in symbol_state.candles.series(index).candles() {
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
fn seed_determines_accounts() {
    let run = |seed| {
        let mut state = state(seed);
        (0..200).for_each(|step| state.make_step(START + step * 50));
        let view = state.symbols[0].market.view();
        (state.accounts[0].balances(), view)
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

/// An idle account does not affect the market.
#[test]
fn idle_account_changes_nothing() {
    let run = |activity: Option<u32>| {
        let accounts = activity.map(|activity| Account {
            activity,
            ..Account::demo()
        });
        let config = Config {
            accounts: accounts.into_iter().collect(),
            ..Config::default()
        };
        let mut state = ExchangeState::new(Arc::new(config), START);
        (0..200).for_each(|step| state.make_step(START + step * 50));
        state.symbols[0].market.view()
    };
    assert_eq!(run(None), run(Some(0)));
    assert_ne!(run(None), run(Some(100)));
}

/// The eviction of a closed order is reported to a client that has not received it.
#[test]
fn detects_evicted_closed_order() {
    let config = Config {
        backlog: 1,
        ..config(9)
    };
    let mut state = ExchangeState::new(Arc::new(config), START);
    let order = |id| Order {
        id,
        owner: state.accounts[0].owner(),
        side: Side::Bid,
        limit: Some(Ticks(1)),
        lots: Lots(1),
        filled: Lots(0),
        paid: 0,
        created_ms: 0,
    };
    let orders = [order(1), order(2)];
    let account_state = &mut state.accounts[0];
    for (order, step) in orders.iter().zip(1..) {
        let now = StepTime { ms: 0, step };
        account_state.place(0, order, now);
        account_state.cancel(0, order, now);
    }
    assert_eq!(account_state.since(0, 0), None);
    assert_eq!(account_state.since(0, 1).map(|it| it.len()), Some(1));
}

/// The unfilled rest of a market order is cancelled immediately.
#[test]
fn market_orders_never_rest() {
    let mut state = state(10);
    let all = state.symbols[0].market.resting(Side::Bid);
    let action = TraderAction::Place {
        side: Side::Ask,
        limit: None,
        lots: Lots(all + 7),
    };
    state.execute(action, 0, 0, StepTime { ms: 1, step: 1 });
    let updates = state.accounts[0].since(0, 0).unwrap();
    assert_eq!(updates.len(), 1);
    assert_eq!(
        (updates[0].state, updates[0].filled),
        (OrderState::Canceled, Lots(all))
    );
    assert_eq!(state.accounts[0].open(0).len(), 0);
}

/// A new subscription first receives the pending updates of earlier ones.
#[test]
fn late_subscription_gets_updates() {
    let mut state = state(11);
    (0..55).for_each(|step| state.make_step(START + step * 4_000));
    let (shared, _steps) = SharedState::new(state);
    let mut subscriptions = ClientSubscriptions::new(&shared);
    let minutes = serde_json::json!({"category": "spot", "symbol": "BTCUSDT", "interval": "1"});
    let hours = serde_json::json!({"category": "spot", "symbol": "BTCUSDT", "interval": "60"});
    assert_eq!(subscriptions.subscribe("kline", &minutes).unwrap().len(), 1);
    assert_eq!(subscriptions.subscribe("kline", &hours).unwrap().len(), 1);
    // A minute later there is a new one-minute candle, and the one-hour candle has changed. The repeated
    // subscription sends the latter once more, as the first of its series.
    (55..70).for_each(|step| shared.lock().make_step(START + step * 4_000));
    let updates = subscriptions.subscribe("kline", &hours).unwrap();
    let is_new = |it: &Update| it.payload.starts_with(r#"{"add":{"#);
    let updates: Vec<_> = updates.iter().map(is_new).collect();
    assert_eq!(updates, [false, true, false, true]);
}
