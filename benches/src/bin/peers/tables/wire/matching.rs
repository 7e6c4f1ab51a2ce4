//! Pairs each sent message with the handled one.

use anyhow::ensure;

use super::record::Handled;
use super::server::Sent;

/// Pairs the nth sent and the nth handled message of each connection. The pairs are in the order of sending.
pub(super) fn matched(sent: &[Sent], handled: &[Handled]) -> anyhow::Result<Vec<(Sent, Handled)>> {
    ensure!(
        sent.len() == handled.len(),
        "{} of {} messages",
        handled.len(),
        sent.len()
    );
    // Stable sorts: the messages of a connection stay in their order.
    let (mut sent, mut handled) = (sent.to_vec(), handled.to_vec());
    sent.sort_by_key(|it| it.connection);
    handled.sort_by_key(|it| it.connection);
    let mut pairs: Vec<_> = sent.into_iter().zip(handled).collect();
    let agree = |(sent, handled): &(Sent, Handled)| sent.connection == handled.connection;
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

    fn handled(connection: usize, ns: u64) -> Handled {
        Handled {
            connection,
            ns,
            best: [None; 2],
        }
    }

    #[test]
    fn pairs_messages_by_connection() {
        let all_sent = [sent(0, 10), sent(1, 20), sent(0, 30), sent(1, 40)];
        // Connection 1 was read late, connection 0 in time.
        let all_handled = [
            handled(0, 11),
            handled(0, 31),
            handled(1, 32),
            handled(1, 41),
        ];
        let latencies: Vec<u64> = matched(&all_sent, &all_handled)
            .unwrap()
            .iter()
            .map(|(sent, handled)| handled.ns - sent.ns)
            .collect();
        assert_eq!(latencies, [1, 12, 1, 1]);
        assert!(matched(&all_sent, &all_handled[1..]).is_err());
        let other = [
            handled(0, 11),
            handled(0, 31),
            handled(0, 32),
            handled(1, 41),
        ];
        assert!(matched(&all_sent, &other).is_err());
    }
}
