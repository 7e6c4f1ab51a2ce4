//! Credentials, read from the environment because other users of the machine cannot see it.
//!
//! `TICKLOT_API_KEY` holds the key of JayX or Bayse, and `TICKLOT_ACCESS_TOKEN` the token of Bayse, unless the config
//! file names other variables. The embedded servers have demo credentials.

use ticklot::bayse::Auth;
use ticklot::jayx::ApiKey;

/// The environment variable of an API key.
pub(crate) const API_KEY: &str = "TICKLOT_API_KEY";
/// The environment variable of Bayse's access token.
pub(crate) const ACCESS_TOKEN: &str = "TICKLOT_ACCESS_TOKEN";

/// The value of an environment variable; none when it is unset or empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The environment variables of Bayse's credentials: those in the config file, or else the defaults.
pub(crate) fn bayse_variables<'a>(
    api_key: Option<&'a str>,
    access_token: Option<&'a str>,
) -> (Option<&'a str>, Option<&'a str>) {
    match (api_key, access_token) {
        (None, None) => (Some(API_KEY), Some(ACCESS_TOKEN)),
        named => named,
    }
}

/// JayX's account key: `value`, or else the demo key if the server is embedded.
pub(crate) fn jayx_key(value: Option<String>, is_embedded: bool) -> Option<ApiKey> {
    let demo = || ticklot_sim::jayx::Account::demo().api_key;
    value.or_else(|| is_embedded.then(demo)).map(ApiKey::new)
}

/// Bayse's credentials for the user's orders: those given, or else the demo user's if the server is embedded.
pub(crate) fn bayse_auth(
    api_key: Option<String>,
    access_token: Option<String>,
    is_embedded: bool,
) -> Option<Auth> {
    let demo = || Auth::from_parts(ticklot_sim::bayse::User::demo().api_key, None, None);
    Auth::from_parts(api_key, access_token, None).or_else(|| demo().filter(|_| is_embedded))
}
