//! The look-up of names as a test has it: what a name answers, and where the connection goes instead.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

type Answer = dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync;

/// Answers for some names. The rules about addresses are held against them.
#[derive(Clone)]
pub struct Names {
    answer: Arc<Answer>,
    dialled_at: Option<IpAddr>,
}

impl Names {
    /// `answer` is asked at every look-up; `None` leaves the name to the system.
    pub fn new(answer: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            dialled_at: None,
        }
    }

    /// Connects to `address` in place of every one the rules allowed: a registry on the internet, on this machine.
    #[must_use]
    pub fn dialled_at(mut self, address: IpAddr) -> Self {
        self.dialled_at = Some(address);
        self
    }

    pub(crate) fn look_up(&self, host: &str) -> Option<Vec<IpAddr>> {
        (self.answer)(host)
    }

    pub(crate) fn dialled(&self, address: IpAddr) -> IpAddr {
        self.dialled_at.unwrap_or(address)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
