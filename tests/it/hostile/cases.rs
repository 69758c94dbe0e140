//! The ways of lying: each a script for everything but `/v2/`, and the question that meets it. What a script leaves
//! unanswered is answered as by a good registry.

mod answers;
mod content;
mod lists;
mod places;

use tests::fake::{Heard, Reply};

use super::World;

/// What a client of ours wants meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A manifest by a tag that is not cached.
    Tag,
    /// One that is.
    CachedTag,
    /// A manifest by digest.
    Digest,
    /// A blob that is not cached, of a manifest that is.
    Layer,
    /// Its size.
    LayerSize,
    /// The tags.
    Tags,
    /// The referrers of a digest.
    Referrers,
}

type Script = Box<dyn Fn(&World, u16, &Heard) -> Option<Reply> + Send + Sync>;

pub(super) struct Case {
    pub(super) what: String,
    pub(super) ask: Ask,
    /// By the registry's own port and the request's head.
    pub(super) script: Script,
    /// Whether a good client goes where it is sent, if only without a credential.
    pub(super) is_followed: bool,
}

impl Case {
    /// A script for all requests.
    fn new(
        what: impl Into<String>,
        ask: Ask,
        script: impl Fn(&World, u16, &Heard) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self {
            what: what.into(),
            ask,
            script: Box::new(script),
            is_followed: false,
        }
    }

    /// One reply to all requests.
    fn always(what: impl Into<String>, ask: Ask, reply: Reply) -> Self {
        Self::new(what, ask, move |_, _, _| Some(reply.clone()))
    }

    /// One reply to requests whose target contains `part`.
    fn at(part: &'static str, what: impl Into<String>, ask: Ask, reply: Reply) -> Self {
        Self::new(what, ask, move |_, _, heard| {
            heard.target.contains(part).then(|| reply.clone())
        })
    }

    fn followed(mut self) -> Self {
        self.is_followed = true;
        self
    }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let mut cases = places::realms();
    cases.extend(places::tokens());
    cases.extend(places::redirects());
    cases.extend(answers::heads());
    cases.extend(answers::bodies());
    cases.extend(content::bytes());
    cases.extend(content::manifests());
    cases.extend(lists::lists());
    cases
}
