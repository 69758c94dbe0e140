//! What stands between us and a registry in these tests: proxies, and TLS.

mod certificates;
mod proxy;
mod tls;

pub(crate) use self::certificates::Authority;
pub(crate) use self::proxy::TestProxy;
pub(crate) use self::tls::{ClientCertificates, TlsFront};
