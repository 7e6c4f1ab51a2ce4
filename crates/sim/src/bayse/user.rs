//! Users and their credentials.

use std::fmt;

use serde_json::Value;

/// The venue's error text for a message on `/ws/v1/user` without valid credentials.
pub(super) const AUTH_REQUIRED: &str = r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#;

/// A user who trades. The debug output omits the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// The display name, if any.
    pub tag: Option<String>,
    /// The API key that authenticates the user's messages, if any.
    pub api_key: Option<String>,
    /// The access token that authenticates the user's messages, if any.
    pub access_token: Option<String>,
}

impl User {
    /// `usr_demo`, with the API key `pk_demo_ticklot` and the access token `demo-header.demo-claims.demo-signature`.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            api_key: Some("pk_demo_ticklot".to_owned()),
            access_token: Some("demo-header.demo-claims.demo-signature".to_owned()),
            ..Self::trader("demo", Some("demo_trader"))
        }
    }

    /// `usr_<name>`, without credentials.
    #[must_use]
    pub fn trader(name: &str, tag: Option<&str>) -> Self {
        Self {
            id: format!("usr_{name}"),
            tag: tag.map(str::to_owned),
            api_key: None,
            access_token: None,
        }
    }

    /// The demo user and five others.
    pub(super) fn crowd() -> Vec<Self> {
        vec![
            Self::demo(),
            Self::trader("ada", Some("ada_calls_it")),
            Self::trader("ben", None),
            Self::trader("chi", Some("lagos_longshot")),
            Self::trader("dee", None),
            Self::trader("eze", Some("eze_makes_markets")),
        ]
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |it: &Option<String>| it.as_ref().map(|_| Hidden);
        f.debug_struct("User")
            .field("id", &self.id)
            .field("tag", &self.tag)
            .field("api_key", &hidden(&self.api_key))
            .field("access_token", &hidden(&self.access_token))
            .finish()
    }
}

/// The debug output of a secret.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The index of the user whose credentials are in a message's `auth`. A token takes precedence over a key. Empty
/// credentials are ignored.
pub(super) fn authenticate(message: &Value, users: &[User]) -> Option<usize> {
    let auth = message.get("auth")?;
    let text = |name: &str| {
        let text = auth.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if let Some(token) = text("accessToken") {
        let has = |user: &User| user.access_token.as_deref() == Some(token);
        return users.iter().position(has);
    }
    let key = text("apiKey")?;
    let has = |user: &User| user.api_key.as_deref() == Some(key);
    users.iter().position(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_credentials() {
        let shown = format!("{:?}", User::demo());
        assert_eq!(
            shown,
            r#"User { id: "usr_demo", tag: Some("demo_trader"), api_key: Some(..), access_token: Some(..) }"#
        );
        assert!(!format!("{:?}", super::super::Config::default()).contains("pk_demo"));
    }

    #[test]
    fn token_precedes_api_key() {
        let other = User {
            api_key: Some("pk_other".to_owned()),
            ..User::trader("other", None)
        };
        let users = [User::demo(), other];
        let table = [
            (r#"{"auth":{"apiKey":"pk_demo_ticklot"}}"#, Some(0)),
            (r#"{"auth":{"apiKey":"pk_other","deviceId":"d"}}"#, Some(1)),
            (
                r#"{"auth":{"accessToken":"demo-header.demo-claims.demo-signature","apiKey":"pk_other"}}"#,
                Some(0),
            ),
            (r#"{"auth":{"accessToken":"x","apiKey":"pk_other"}}"#, None),
            (
                r#"{"auth":{"accessToken":"","apiKey":"pk_other"}}"#,
                Some(1),
            ),
            (r#"{"auth":{"accessToken":null}}"#, None),
            (r#"{"auth":{"apiKey":"pk_"}}"#, None),
            (r#"{"auth":{}}"#, None),
            (r#"{"auth":"pk_other"}"#, None),
            ("{}", None),
        ];
        for (text, user) in table {
            let message = serde_json::from_str(text).unwrap();
            assert_eq!(authenticate(&message, &users), user, "{text}");
        }
    }
}
