//! Faults of delta messages.

use super::super::fault::Fault;
use super::super::link::Packet;
use super::super::world::World;

impl World {
    /// Applies a fault to a delta on its way out. None when it is not sent, or not now.
    pub(in super::super) fn spoil_delta(&mut self, link: u32, text: String) -> Option<String> {
        let trouble = &mut self.links.get_mut(&link)?.trouble;
        let is_next = |held: &mut String| symbol(held) == symbol(&text);
        if let Some(held) = trouble.held.take_if(is_next) {
            self.count(Fault::SwapDeltas);
            self.post(link, Packet::Text(text.into_bytes()), self.now);
            return Some(held);
        }
        let is_it = |(_, of): &mut (Fault, &str)| Some(*of) == symbol(&text);
        let fault = trouble.delta.take_if(is_it).map(|(fault, _)| fault);
        match fault {
            Some(Fault::SwapDeltas) if trouble.held.is_none() => {
                trouble.held = Some(text);
                None
            }
            Some(Fault::DropDelta) => {
                self.count(Fault::DropDelta);
                None
            }
            Some(Fault::RepeatDelta) => {
                self.count(Fault::RepeatDelta);
                let copy = text.clone().into_bytes();
                self.post(link, Packet::Text(copy), self.now);
                Some(text)
            }
            Some(Fault::BadChecksum) => {
                self.count(Fault::BadChecksum);
                Some(altered(&text))
            }
            _ => Some(text),
        }
    }
}

fn symbol(message: &str) -> Option<&str> {
    message.split('|').nth(1)
}

/// The same delta with other lots at each level: one of them is covered by the checksum.
fn altered(message: &str) -> String {
    let fields = message.trim_end_matches(';').split('|');
    let fields = fields.map(|field| match field.split_at_checked(2) {
        Some((side @ ("b:" | "a:"), levels)) => format!("{side}{}", more_lots(levels)),
        _ => field.to_owned(),
    });
    fields.collect::<Vec<_>>().join("|") + ";"
}

fn more_lots(levels: &str) -> String {
    let levels = levels.split(',').map(|level| {
        let Some((ticks, lots)) = level.split_once(':') else {
            return level.to_owned();
        };
        let lots = lots.parse::<i64>().unwrap_or(0);
        format!("{ticks}:{}", lots + 1)
    });
    levels.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lots_are_altered() {
        let delta = "D|SOLUSD|7|99|b:100:5,99:0|a:;";
        assert_eq!(altered(delta), "D|SOLUSD|7|99|b:100:6,99:1|a:;");
    }
}
