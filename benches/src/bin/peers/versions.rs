//! The versions of the peers, from the lock file of the build.

const LOCK: &str = include_str!("../../../../Cargo.lock");

/// The peers that are crates.
const PEERS: &[&str] = &[
    "sonic-rs",
    "serde_json",
    "rs_bayse",
    "fastwebsockets",
    "tokio-tungstenite",
    "hftbacktest",
];

/// Such as `sonic-rs 0.5.10, serde_json 1.0.154`.
pub(crate) fn peers() -> String {
    let named = PEERS
        .iter()
        .map(|name| format!("{name} {}", version(name).unwrap_or("?")));
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
    fn finds_all_peer_versions() {
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
