//! Orders and balances: what is told of one agrees with what is told of the other.

use std::collections::BTreeMap;

use serde_json::Value;
use ticklot_book::Scale;
use ticklot_sim::Server;
use ticklot_sim::jayx::PlainForm;

use crate::{BOOK, KEY, ORDERS, POSITIONS, Talk, quick};

/// A decimal text in units of 10^-8, exactly.
fn units(text: &Value) -> i128 {
    let scale = Scale::new(8, 8).unwrap();
    scale
        .ticks(text.as_str().unwrap().as_bytes())
        .unwrap()
        .0
        .into()
}

fn int(value: &Value, key: &str) -> i128 {
    value[key]
        .as_i64()
        .unwrap_or_else(|| panic!("{key} of {value}"))
        .into()
}

/// What a client makes of the messages.
#[derive(Default)]
struct Replica {
    /// Every order that was ever told, as it was last.
    orders: BTreeMap<i128, Value>,
    /// The ids of those that are open.
    open: Vec<i128>,
    /// Balance and available of BTC and USDT.
    balances: [[i128; 2]; 2],
}

impl Replica {
    fn orders(&mut self, payload: &Value) {
        for order in payload["modify"].as_array().unwrap() {
            let id = self.order(order, &["NEW", "PARTIALLY_FILLED"]);
            if !self.open.contains(&id) {
                self.open.push(id);
            }
        }
        for order in payload["cancel"].as_array().unwrap() {
            let id = self.order(order, &["FILLED", "CANCELED"]);
            assert_eq!(int(order, "resd"), 0);
            self.open.retain(|it| *it != id);
        }
    }

    fn order(&mut self, order: &Value, states: &[&str]) -> i128 {
        assert!(
            states.contains(&order["state"].as_str().unwrap()),
            "{order}"
        );
        assert_eq!(order["symbol"], "BTCUSDT");
        let (exec, cost) = (int(order, "exec"), int(order, "cost"));
        assert_eq!(
            exec > 0,
            order["lastLots"].is_i64() && order["lastTicks"].is_i64()
        );
        assert_eq!(exec == 0, order["lastLots"].is_null() && cost == 0);
        assert!(units(&order["quantity"]) >= exec * 100);
        if order["type"] == "LIMIT" {
            let (paid, limit) = (cost, units(&order["price"]) / 1_000_000 * exec);
            let is_buy = order["side"] == "BUY";
            assert!(if is_buy { paid <= limit } else { paid >= limit });
        }
        let id = int(order, "id");
        self.orders.insert(id, order.clone());
        id
    }

    fn balances(&mut self, payload: &Value) {
        let assets = payload["spot"].as_array().unwrap();
        for ((asset, name), balance) in assets.iter().zip(["BTC", "USDT"]).zip(&mut self.balances) {
            assert_eq!(asset["asset"], name);
            *balance = [units(&asset["balance"]), units(&asset["available"])];
            assert!(balance[1] >= 0 && balance[1] <= balance[0]);
        }
    }

    /// What the fills of all orders have changed, of BTC and USDT, in units of 10^-8.
    fn effect(&self) -> [i128; 2] {
        self.orders.values().fold([0, 0], |[btc, usdt], order| {
            let sign = if order["side"] == "BUY" { 1 } else { -1 };
            [
                btc + sign * int(order, "exec") * 100,
                usdt - sign * int(order, "cost"),
            ]
        })
    }

    /// What the open orders hold back, of BTC and USDT.
    fn held(&self) -> [i128; 2] {
        let open = self.open.iter().map(|id| &self.orders[id]);
        open.fold([0, 0], |[btc, usdt], order| {
            let resd = int(order, "resd");
            if order["side"] == "BUY" {
                [btc, usdt + resd]
            } else {
                [btc + resd * 100, usdt]
            }
        })
    }

    /// What there was before the orders that are known.
    fn start(&self) -> [i128; 2] {
        let ([btc, usdt], effect) = (self.balances, self.effect());
        [btc[0] - effect[0], usdt[0] - effect[1]]
    }
}

/// Of each step, orders come before balances: both agree whenever balances have come.
#[tokio::test]
async fn fills_orders_and_balances_agree() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut talk = Talk::connect(&server, Some(PlainForm::Bare)).await;
    market.pause();
    talk.ask("openorders", ORDERS).await;
    talk.ask("positions", POSITIONS).await;
    let mut replica = Replica::default();
    replica.orders(&talk.next_of("openorders").await);
    replica.balances(&talk.next_of("positions").await);
    let start = replica.start();
    market.resume();
    let (mut steps, mut most) = (0, 0);
    while steps < 150 {
        let (event, payload) = talk.next().await;
        if event == "openorders" {
            replica.orders(&payload);
            continue;
        }
        replica.balances(&payload);
        assert_eq!(replica.start(), start, "after {steps} steps");
        let held = replica.balances.map(|it| it[0] - it[1]);
        assert_eq!(held, replica.held(), "after {steps} steps");
        most = most.max(replica.open.len());
        steps += 1;
    }
    assert!(most > 2 && replica.orders.len() > 50, "{most} at once");
}

/// Once everything stands still, what a client believes is what is true.
#[tokio::test]
async fn client_state_reaches_ground_truth() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut talk = Talk::connect(&server, None).await;
    let mut replica = Replica::default();
    talk.ask("openorders", ORDERS).await;
    talk.ask("positions", POSITIONS).await;
    for _ in 0..100 {
        hear(&mut replica, talk.next().await);
    }
    market.pause();
    talk.ask("orderbook", BOOK).await;
    loop {
        let (event, payload) = talk.next().await;
        if event == "orderbook" {
            let asks = market.book("BTCUSDT").unwrap().asks;
            let best = &payload["orderBook"]["asks"][0];
            assert_eq!(int(best, "ticks"), i128::from(asks[0].ticks.0));
            break;
        }
        hear(&mut replica, (event, payload));
    }
    let balances = market.balances(KEY).unwrap();
    let balances = balances
        .iter()
        .map(|it| [it.balance.units, it.available.units]);
    assert!(balances.eq(replica.balances));
    let orders = market.open_orders(KEY, "BTCUSDT").unwrap();
    let ids: Vec<_> = orders.iter().map(|it| i128::from(it.id)).collect();
    replica.open.sort_unstable();
    assert_eq!(replica.open, ids);
    for order in orders {
        let told = &replica.orders[&i128::from(order.id)];
        assert_eq!(told["state"], serde_json::to_value(order.state).unwrap());
        assert_eq!(int(told, "exec"), i128::from(order.filled.0));
        assert_eq!(
            (int(told, "cost"), int(told, "resd")),
            (order.cost, order.reserved())
        );
    }
}

fn hear(replica: &mut Replica, (event, payload): (String, Value)) {
    match event.as_str() {
        "openorders" => replica.orders(&payload),
        "positions" => replica.balances(&payload),
        other => panic!("{other}"),
    }
}
