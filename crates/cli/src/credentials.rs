//! Credentials, which are read from the environment: other users of the machine do not see them there.
//!
//! `TICKLOT_API_KEY` holds the key of JayX or Bayse, and `TICKLOT_ACCESS_TOKEN` the token of Bayse, unless the config
//! file names other variables. The embedded servers have credentials of their own.

use ticklot::bayse::Auth;
use ticklot::jayx::ApiKey;

/// The variable of an API key.
pub(crate) const API_KEY: &str = "TICKLOT_API_KEY";
/// The variable of Bayse's access token.
pub(crate) const ACCESS_TOKEN: &str = "TICKLOT_ACCESS_TOKEN";

/// A variable of the environment that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The names of the variables of Bayse's credentials: those that the config file names, or else the default ones.
pub(crate) fn bayse_variables<'a>(
    api_key: Option<&'a str>,
    access_token: Option<&'a str>,
) -> (Option<&'a str>, Option<&'a str>) {
    match (api_key, access_token) {
        (None, None) => (Some(API_KEY), Some(ACCESS_TOKEN)),
        named => named,
    }
}

/// The account's key of JayX: `value`, or of the embedded server its own.
pub(crate) fn jayx_key(value: Option<String>, is_embedded: bool) -> Option<ApiKey> {
    let own = || ticklot_sim::jayx::Account::demo().api_key;
    value.or_else(|| is_embedded.then(own)).map(ApiKey::new)
}

/// The credentials for one's own orders at Bayse: those of the values, or of the embedded server its own.
pub(crate) fn bayse_auth(
    api_key: Option<String>,
    access_token: Option<String>,
    is_embedded: bool,
) -> Option<Auth> {
    let own = || Auth::from_parts(ticklot_sim::bayse::User::demo().api_key, None, None);
    Auth::from_parts(api_key, access_token, None).or_else(|| own().filter(|_| is_embedded))
}
