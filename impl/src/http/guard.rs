//! Whether a request may go on.
//!
//! Every request that has a route and a method passes here before anything is read or looked up: first whoever asks, then
//! whether anything may change at all.

use axum::response::Response;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderName, Method};

use super::access::{self, Access, Action};
use super::answer::{refusal, value};
use super::route::Route;
use super::{Call, Front};
use crate::api::{ApiError, Class, Code};
use crate::auth::{Denied, Presented};

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Front {
    /// Nothing, or what the client gets instead of what it asks for.
    pub(super) async fn admit(&self, call: &Call, route: &Route, accesses: &[Access]) -> Result<(), Response> {
        if let (Some(authorizer), Some(wanted)) = (&self.options.authorizer, access::wanted(route, accesses)) {
            let text = |name| call.headers.get(name).and_then(|value| value.to_str().ok());
            let presented = Presented {
                authorization: text(AUTHORIZATION),
                host: text(HOST),
                forwarded_proto: text(FORWARDED_PROTO),
            };
            if let Err(denied) = authorizer.authorize(presented, &wanted).await {
                return Err(denied_answer(&denied));
            }
        }
        let writes = accesses.iter().any(|access| matches!(access.action, Action::Push | Action::Delete));
        if self.options.read_only && writes && call.method != Method::GET && call.method != Method::HEAD {
            let message = "the registry is read-only at the moment";
            return Err(refusal(&ApiError::new(Code::Unsupported, Class::Unsupported, message, None)));
        }
        Ok(())
    }
}

fn denied_answer(denied: &Denied) -> Response {
    match denied {
        Denied::Unauthorized { challenge, reason } => {
            let mut response = refusal(&ApiError::new(Code::Unauthorized, Class::Unauthorized, reason, None));
            response.headers_mut().insert(WWW_AUTHENTICATE, value(challenge));
            response
        }
        Denied::Forbidden => refusal(&ApiError::new(Code::Denied, Class::Denied, denied, None)),
        Denied::Unavailable => refusal(&ApiError::new(Code::Unknown, Class::Unavailable, denied, None)),
    }
}
