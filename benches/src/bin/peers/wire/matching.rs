//! Which time of a write belongs to which message that was handled.

use anyhow::ensure;

use super::record::Seen;
use super::server::Sent;

/// Each message that was handled beside the one that was sent: the nth of its connection. In the order in which they
/// were sent.
pub(super) fn matched(sent: &[Sent], seen: &[Seen]) -> anyhow::Result<Vec<(Sent, Seen)>> {
    ensure!(
        sent.len() == seen.len(),
        "{} of {} messages",
        seen.len(),
        sent.len()
    );
    // Stable sorts: the messages of a connection stay in their order.
    let (mut sent, mut seen) = (sent.to_vec(), seen.to_vec());
    sent.sort_by_key(|it| it.connection);
    seen.sort_by_key(|it| it.connection);
    let mut pairs: Vec<_> = sent.into_iter().zip(seen).collect();
    let agree = |(sent, seen): &(Sent, Seen)| sent.connection == seen.connection;
    ensure!(pairs.iter().all(agree), "messages of other connections");
    pairs.sort_by_key(|(sent, _)| sent.ns);
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(connection: usize, ns: u64) -> Sent {
        Sent {
            connection,
            frame: 0,
            ns,
        }
    }

    fn seen(connection: usize, ns: u64) -> Seen {
        Seen {
            connection,
            ns,
            best: [None; 2],
        }
    }

    #[test]
    fn the_nth_sent_is_the_nth_handled_of_its_connection() {
        let all_sent = [sent(0, 10), sent(1, 20), sent(0, 30), sent(1, 40)];
        // Connection 1 was read late, connection 0 in time.
        let all_seen = [seen(0, 11), seen(0, 31), seen(1, 32), seen(1, 41)];
        let latencies: Vec<u64> = matched(&all_sent, &all_seen)
            .unwrap()
            .iter()
            .map(|(sent, seen)| seen.ns - sent.ns)
            .collect();
        assert_eq!(latencies, [1, 12, 1, 1]);
        assert!(matched(&all_sent, &all_seen[1..]).is_err());
        let other = [seen(0, 11), seen(0, 31), seen(0, 32), seen(1, 41)];
        assert!(matched(&all_sent, &other).is_err());
    }
}
