//! Faults of delta messages.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::link::Packet;
use super::super::simulation::Simulation;

impl Simulation {
    /// Applies a fault to an outgoing delta. `None` if it is dropped or held.
    pub(in super::super) fn apply_delta_fault(
        &mut self,
        link: u32,
        text: String,
    ) -> Option<String> {
        let pending_faults = &mut self.links.get_mut(&link)?.pending_faults;
        let is_next = |held: &mut String| symbol(held) == symbol(&text);
        if let Some(held) = pending_faults.held.take_if(is_next) {
            self.count(Fault::SwapDeltas);
            self.post(link, Packet::Text(text.into_bytes()), self.now);
            return Some(held);
        }
        let is_it = |(_, of): &mut (Fault, &str)| Some(*of) == symbol(&text);
        let fault = pending_faults.delta.take_if(is_it).map(|(fault, _)| fault);
        match fault {
            Some(Fault::SwapDeltas) if pending_faults.held.is_none() => {
                pending_faults.held = Some(text);
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
    let (_, rest) = message.split_once(r#""s":""#)?;
    rest.split('"').next()
}

/// The same delta with other lots at each level. The checksum covers one of them.
fn altered(message: &str) -> String {
    let mut delta: Value = serde_json::from_str(message).unwrap_or_default();
    for side in ["b", "a"] {
        for level in delta[side].as_array_mut().into_iter().flatten() {
            let lots = level[1].as_str().and_then(|lots| lots.parse::<i64>().ok());
            level[1] = Value::from((lots.unwrap_or(0) + 1).to_string());
        }
    }
    delta.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lots_are_altered() {
        let delta = r#"{"a":[],"b":[["100","5"],["99","0"]],"c":99,"s":"SOLUSD","u":7}"#;
        let expected = r#"{"a":[],"b":[["100","6"],["99","1"]],"c":99,"s":"SOLUSD","u":7}"#;
        assert_eq!(altered(delta), expected);
    }
}
