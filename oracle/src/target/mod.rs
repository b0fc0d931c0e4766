//! What is put to the proof.
//!
//! A [`Target`] is a registry, seen as something that performs one [`Op`] after another and says what a client saw.
//! It does not judge. It is implemented by the registry in process ([`embedded`]) and by an HTTP client that works on any
//! registry ([`http`]); implement it for your own registry in some forty lines (the crate's front page shows how).

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use proofhouse_model::{Op, Options, Outcome, State};

pub mod commanded;
pub mod embedded;
pub mod http;
pub mod stop;

pub use commanded::{Commanded, Commands};
pub use embedded::EmbeddedTarget;
pub use http::{HttpOptions, HttpTarget};
pub use stop::Stop;

/// A registry under test.
///
/// Operations come one at a time. One target is used for many cases; each begins with [`fresh`](Target::fresh).
#[async_trait(?Send)]
pub trait Target {
    /// Starts over with an empty registry (or a fresh namespace), set up as `options` say.
    ///
    /// # Errors
    /// When there is no registry to be had: it cannot be reached, is none, cannot be written to, or cannot be set up so.
    /// A campaign ends with the error; a registry that answers wrongly is not an error but an outcome.
    async fn fresh(&mut self, options: &Options) -> Result<(), TargetError>;

    /// Performs one operation and says what was seen, without judging it.
    ///
    /// Never fails: a dropped connection, an answer that cannot be read and a 5xx are [`Outcome::Broken`].
    async fn perform(&mut self, op: &Op) -> Outcome;

    /// Why the last outcome counts for nothing, if it does: the operation could not be asked, or the run ended while it was. That
    /// is not the registry's doing, so nothing more is asked, and nobody judges the outcome.
    fn interruption(&mut self) -> Option<TargetError> {
        None
    }

    /// Can this target do that at all? Operations that it does not offer are neither generated nor counted.
    fn offers(&self, op: &Op) -> bool {
        let _ = op;
        true
    }

    /// Is it called as a library? Such a target shows more than a client over HTTP sees; that decides which rules apply.
    fn is_library(&self) -> bool {
        false
    }

    /// Is a collection something of which only the end is known? Then it ends a case: what could be fetched before is asked for
    /// once more, and the model says nothing about it. Default: no, the answer tells what went.
    fn collects_blindly(&self) -> bool {
        false
    }

    /// May it still hold the bytes of an earlier case, whoever pushed them and wherever to? Then each run of a case has bytes of its
    /// own: a sequence that is short because something was there before would show nothing to anybody else. Default: no.
    fn keeps_contents(&self) -> bool {
        false
    }

    /// So many clients of the same registry in the same case, which know the uploads of one another. Default: none, since it
    /// takes one client only.
    fn clients(&self, count: usize) -> Vec<Box<dyn Target>> {
        let _ = count;
        Vec::new()
    }

    /// So many targets of which each can run a case of its own while the others do. None but those: nothing else is asked of this one by
    /// then. Default: none, since cases would see one another.
    fn beside(&self, count: usize) -> Vec<Box<dyn Target>> {
        let _ = count;
        Vec::new()
    }

    /// After a case: an independent look at the storage. None: it cannot be looked at.
    ///
    /// Returns what differs from the model's state, one sentence each; nothing if all is as it must be.
    async fn inspect(&mut self, state: &State) -> Option<Vec<String>> {
        let _ = state;
        None
    }
}

/// Performs an operation, if there is time, on a target that answers for itself.
///
/// # Errors
/// [`TargetError::TimeUp`] if `until` has come, and else what the target says of an outcome that counts for nothing.
pub(crate) async fn ask(target: &mut dyn Target, op: &Op, until: Option<Instant>) -> Result<Outcome, TargetError> {
    if until.is_some_and(|until| Instant::now() >= until) {
        return Err(TargetError::TimeUp);
    }
    let outcome = target.perform(op).await;
    target.interruption().map_or(Ok(outcome), Err)
}

/// Why there is no registry to test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The URL is none of a registry that can be tested.
    #[error("cannot use {url}: {reason}")]
    BadUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing answers there.
    #[error("nothing answers at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Something takes the connection and says nothing.
    #[error("{url} does not answer within {patience:?}")]
    Silent {
        /// Where it was looked for.
        url: String,
        /// How long it had.
        patience: Duration,
    },
    /// It answered, and then nobody was answered any more.
    #[error("the registry does not answer any more: {reason}; --restart-cmd COMMAND would start it again")]
    Gone {
        /// How that shows.
        reason: String,
    },
    /// All the time went into getting ready.
    #[error("the time is up before {url} is asked anything; give the run more --time")]
    NoTime {
        /// What was to be asked.
        url: String,
    },
    /// Something answers, but it is no registry.
    #[error("{url} is not a registry: GET /v2/ answered {status}")]
    NotARegistry {
        /// Where it was looked for.
        url: String,
        /// The status and, where it helps, what else was wrong with the answer.
        status: String,
    },
    /// The registry takes only so many requests, and no waiting helps.
    #[error("the target throttles: {what}; use --rate or a quieter target")]
    Throttles {
        /// What was asked and answered.
        what: String,
    },
    /// This program cannot make the request yet.
    #[error("not supported yet: {0}")]
    Unsupported(String),
    /// The run has no time left. Not a fault of anybody: a campaign ends with what it has.
    #[error("the time is up")]
    TimeUp,
    /// Somebody asked for the end of the run ([`Stop`]). As above.
    #[error("interrupted")]
    Interrupted,
    /// The registry wants credentials, and there are none.
    #[error("{url} wants credentials: {reason}")]
    Refused {
        /// Where it was looked for.
        url: String,
        /// What it said, and what to do.
        reason: String,
    },
    /// The registry, or whoever gives tokens for it, was shown credentials and does not let them in.
    #[error("{url} refuses these credentials: {reason}")]
    WrongCredentials {
        /// Who refuses them.
        url: String,
        /// What it said.
        reason: String,
    },
    /// Who answers cannot be told to be who it should be.
    #[error(
        "the certificate of {url} is not trusted: {reason}; --ca FILE names the authority that signed it, and --insecure \
         takes any certificate"
    )]
    Distrusted {
        /// The server.
        url: String,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// Credentials would be seen by whoever listens on the way.
    #[error("credentials would go unencrypted to {to}: {reason}")]
    Exposed {
        /// To whom.
        to: String,
        /// Why they would, or what to do.
        reason: String,
    },
    /// A registry behind https sends its clients on to plain HTTP.
    #[error("{url} is reached over https, and sends its clients on to {to}, which is not: no client should follow")]
    Downgraded {
        /// The registry.
        url: String,
        /// Where to, without the query.
        to: String,
    },
    /// Whoever gives tokens for the registry gives none.
    #[error("the registry sends its clients for tokens to {realm}, which {reason}")]
    TokenServer {
        /// Its URL.
        realm: String,
        /// What it does instead.
        reason: String,
    },
    /// The directory cannot be used.
    #[error("cannot write to {}: {source}", path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The target cannot be set up as the options say.
    #[error("the registry cannot be set up so: {0}")]
    Options(String),
}

impl TargetError {
    /// Nothing is wrong with the registry: the time is up, or somebody asked for the end.
    pub(crate) fn ends_the_run(&self) -> bool {
        matches!(self, TargetError::TimeUp | TargetError::Interrupted)
    }
}
