//! Orders and balances, which must agree.

use std::collections::BTreeMap;

use serde_json::Value;
use ticklot_book::Scale;
use ticklot_sim::Server;
use ticklot_sim::jayx::PlainForm;

use crate::{BOOK, EventClient, KEY, ORDERS, POSITIONS, quick};

/// Parses a decimal text exactly, in units of 10^-8.
fn units(text: &Value) -> i128 {
    let text = text.as_str().unwrap().as_bytes();
    Scale::new(8, 8).unwrap().ticks(text).unwrap().0.into()
}

fn int(value: &Value, key: &str) -> i128 {
    let int = value[key].as_i64();
    int.unwrap_or_else(|| panic!("{key} of {value}")).into()
}

/// The state of a client.
#[derive(Default)]
struct Replica {
    /// The last state of every order.
    orders: BTreeMap<i128, Value>,
    /// The ids of open orders.
    open: Vec<i128>,
    /// The balance and available amount of BTC and USDT, in units of 10^-8.
    balances: [[i128; 2]; 2],
}

impl Replica {
    fn apply(&mut self, event: &str, payload: &Value) {
        match event {
            "openorders" => self.orders(payload),
            "positions" => self.balances(payload),
            other => panic!("{other}"),
        }
    }

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
        let state = order["state"].as_str().unwrap();
        assert!(states.contains(&state), "{order}");
        assert_eq!(order["symbol"], "BTCUSDT");
        let (exec, cost) = (int(order, "exec"), int(order, "cost"));
        let (lots, ticks) = (&order["lastLots"], &order["lastTicks"]);
        assert_eq!(exec > 0, lots.is_i64() && ticks.is_i64());
        assert_eq!(exec == 0, lots.is_null() && cost == 0);
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

    /// The change of BTC and USDT by all fills, in units of 10^-8.
    fn effect(&self) -> [i128; 2] {
        self.orders.values().fold([0, 0], |[btc, usdt], order| {
            let sign = if order["side"] == "BUY" { 1 } else { -1 };
            [
                btc + sign * int(order, "exec") * 100,
                usdt - sign * int(order, "cost"),
            ]
        })
    }

    /// The amounts of BTC and USDT that open orders reserve.
    fn reserved(&self) -> [i128; 2] {
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

    /// The balances before all known orders.
    fn initial(&self) -> [i128; 2] {
        let ([btc, usdt], effect) = (self.balances, self.effect());
        [btc[0] - effect[0], usdt[0] - effect[1]]
    }
}

/// The orders of a step precede the balances, so that both agree after each balances message.
#[tokio::test]
async fn fills_orders_and_balances_agree() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut client = EventClient::connect(&server, Some(PlainForm::Bare)).await;
    market.pause();
    client.subscribe("openorders", ORDERS).await;
    client.subscribe("positions", POSITIONS).await;
    let mut replica = Replica::default();
    replica.orders(&client.next_of("openorders").await);
    replica.balances(&client.next_of("positions").await);
    let initial = replica.initial();
    market.resume();
    let (mut steps, mut most) = (0, 0);
    while steps < 150 {
        let (event, payload) = client.next().await;
        if event == "openorders" {
            replica.orders(&payload);
            continue;
        }
        replica.balances(&payload);
        assert_eq!(replica.initial(), initial, "after {steps} steps");
        let reserved = replica.balances.map(|it| it[0] - it[1]);
        assert_eq!(reserved, replica.reserved(), "after {steps} steps");
        most = most.max(replica.open.len());
        steps += 1;
    }
    assert!(most > 2 && replica.orders.len() > 50, "{most} at once");
}

/// After a pause, the client's state equals the server's.
#[tokio::test]
async fn client_state_reaches_ground_truth() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut client = EventClient::connect(&server, None).await;
    let mut replica = Replica::default();
    client.subscribe("openorders", ORDERS).await;
    client.subscribe("positions", POSITIONS).await;
    for _ in 0..100 {
        let (event, payload) = client.next().await;
        replica.apply(&event, &payload);
    }
    market.pause();
    client.subscribe("orderbook", BOOK).await;
    loop {
        let (event, payload) = client.next().await;
        if event == "orderbook" {
            let asks = market.book("BTCUSDT").unwrap().asks;
            let best = &payload["orderBook"]["asks"][0];
            assert_eq!(int(best, "ticks"), i128::from(asks[0].ticks.0));
            break;
        }
        replica.apply(&event, &payload);
    }
    let balances = market.balances(KEY).unwrap();
    let balances = balances.iter();
    let balances = balances.map(|it| [it.balance.units, it.available.units]);
    assert!(balances.eq(replica.balances));
    let orders = market.open_orders(KEY, "BTCUSDT").unwrap();
    let ids: Vec<_> = orders.iter().map(|it| i128::from(it.id)).collect();
    replica.open.sort_unstable();
    assert_eq!(replica.open, ids);
    for order in orders {
        let received = &replica.orders[&i128::from(order.id)];
        let state = serde_json::to_value(order.state).unwrap();
        assert_eq!(received["state"], state);
        let numbers = ["exec", "cost", "resd"].map(|key| int(received, key));
        let expected = [order.filled.0.into(), order.cost, order.reserved()];
        assert_eq!(numbers, expected);
    }
}
