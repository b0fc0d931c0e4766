//! Who is let in, and what the others are told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod htpasswd;
mod issuer;
mod token;

use proofhouse_registry::auth::{Access, Authorizer, Denied, Presented};

/// The name of whoever was let in, else the challenge and the reason.
async fn ask(to: &dyn Authorizer, authorization: Option<&str>, wanted: &[Access]) -> Result<String, Denied> {
    let request = Presented { authorization, ..Presented::default() };
    to.authorize(request, wanted).await.map(|identity| identity.name)
}

/// The challenge of one who was not let in.
fn challenge(answer: Result<String, Denied>) -> String {
    match answer.unwrap_err() {
        Denied::Unauthorized { challenge, .. } => challenge,
        other => panic!("{other:?}"),
    }
}
