//! How to connect: certificates, proxy and headers, of the command line, a config file and the environment.

use ticklot_transport::{Config, Error, Proxy, Roots};

use crate::Failure;
use crate::args::FollowArgs;
use crate::config::TransportTable;

/// The configuration of connections to servers that are not embedded. The command line goes before the
/// file, and both before the environment.
pub(crate) fn transport(args: &FollowArgs, file: &TransportTable) -> Result<Config, Failure> {
    configured(args, file).map_err(usage)
}

fn configured(args: &FollowArgs, file: &TransportTable) -> Result<Config, Error> {
    let mut config = file.limits();
    let roots = match args.ca.as_ref().or(file.ca.as_ref()) {
        Some(path) => Some(Roots::from_pem_file(path)?),
        None => Roots::from_env()?,
    };
    let proxy = match args.proxy.as_ref().or(file.proxy.as_ref()) {
        Some(url) => Some(Proxy::with_no_proxy_from_env(url)?),
        None => Proxy::from_env()?,
    };
    if let Some(roots) = roots {
        config = config.with_roots(roots);
    }
    if let Some(proxy) = proxy {
        config = config.with_proxy(proxy);
    }
    Ok(config)
}

fn usage(error: Error) -> Failure {
    Failure::Usage(match error {
        // Its argument is the value of an option, and not of a call.
        Error::Argument(what) => what.to_owned(),
        error => error.to_string(),
    })
}
