//! The versions of the peers, from the lock file that they were built by.

const LOCK: &str = include_str!("../../../../Cargo.lock");

/// The crates that ours is measured beside.
const PEERS: &[&str] = &[
    #[cfg(feature = "peers")]
    "sonic-rs",
    #[cfg(feature = "peers")]
    "jiter",
    #[cfg(feature = "peers")]
    "simd-json",
    #[cfg(feature = "peers")]
    "serde_json",
    #[cfg(feature = "peers")]
    "rs_bayse",
    #[cfg(feature = "peers")]
    "fastwebsockets",
    #[cfg(feature = "peers")]
    "tokio-tungstenite",
    #[cfg(feature = "book-peers")]
    "hftbacktest",
    #[cfg(feature = "book-peers")]
    "nautilus-model",
    #[cfg(feature = "book-peers")]
    "barter-data",
];

/// Such as `sonic-rs 0.5.10, jiter 0.18.0`.
pub(crate) fn peers() -> String {
    let named = PEERS
        .iter()
        .map(|name| format!("{name} {}", version(name).unwrap_or("?")));
    #[cfg(feature = "peers")]
    let named = named.chain([format!("simdjson {}", crate::parse::simdjson::version())]);
    named.collect::<Vec<_>>().join(", ")
}

fn version(name: &str) -> Option<&'static str> {
    let entry = format!("name = \"{name}\"\nversion = \"");
    // The last of several versions is the newest.
    let start = LOCK.rfind(&entry)? + entry.len();
    LOCK[start..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        for name in PEERS {
            let version = version(name).unwrap();
            assert!(
                version.starts_with(|c: char| c.is_ascii_digit()),
                "{name} {version}"
            );
        }
        assert_eq!(version("no-such-crate"), None);
    }
}
