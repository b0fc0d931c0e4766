//! What a request needs to be allowed to do.
//!
//! Every request that has a route is said here as a list of accesses: which repository, which action. That is all that a
//! decision about it needs, and [`Front::admit`](super::Front) is where one is made.

use std::fmt;

use http::Method;

use super::params::Params;
use super::route::Route;
use crate::auth;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Reading content and lists.
    Pull,
    /// Uploading blobs and storing manifests.
    Push,
    /// Deleting blobs, manifests and tags.
    Delete,
    /// Asking whether this is a registry, and which repositories it has.
    Ask,
    /// Watching the server itself: metrics and health.
    Watch,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Ask => "ask",
            Self::Watch => "watch",
        })
    }
}

/// One thing that a request needs. The repository's name is as the client wrote it, perhaps malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) repository: Option<String>,
    pub(super) action: Action,
}

/// All that a request needs; never empty.
pub(super) fn accesses(route: &Route, method: &Method, params: &Params) -> Vec<Access> {
    let action = match route {
        Route::Base | Route::Catalog => Action::Ask,
        Route::Metrics | Route::Health => Action::Watch,
        // Nothing that was pushed goes with an upload.
        Route::Uploads { .. } | Route::Upload { .. } => Action::Push,
        _ if *method == Method::DELETE => Action::Delete,
        _ if *method == Method::PUT => Action::Push,
        _ => Action::Pull,
    };
    let mut accesses = vec![Access { repository: route.repository().map(ToOwned::to_owned), action }];
    if let (Route::Uploads { .. }, Some(_), Some(from)) = (route, params.first("mount"), params.first("from")) {
        accesses.push(Access { repository: Some(from.to_owned()), action: Action::Pull });
    }
    accesses
}

/// The same for an authorizer. Nothing: whoever has good credentials may. None: credentials are not asked for.
pub(super) fn wanted(route: &Route, accesses: &[Access]) -> Option<Vec<auth::Access>> {
    match route {
        // Whoever watches over the process has none.
        Route::Health => return None,
        Route::Catalog => return Some(vec![auth::Access::catalog()]),
        _ => {}
    }
    let of = |access: &Access| match (&access.repository, access.action) {
        (Some(name), Action::Pull) => vec![auth::Access::pull(name)],
        (Some(name), Action::Push) => auth::Access::push(name).to_vec(),
        (Some(name), Action::Delete) => vec![auth::Access::delete(name)],
        (None, _) | (_, Action::Ask | Action::Watch) => Vec::new(),
    };
    Some(accesses.iter().flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, path: &str, query: Option<&str>) -> Vec<(Option<String>, Action)> {
        let needed = accesses(&Route::of(path).unwrap(), method, &Params::of(query));
        needed.into_iter().map(|access| (access.repository, access.action)).collect()
    }

    #[test]
    fn every_method_of_every_route_needs_something() {
        let a = Some("a".to_owned());
        for (method, path, action) in [
            (Method::GET, "/v2/a/blobs/d", Action::Pull),
            (Method::DELETE, "/v2/a/blobs/d", Action::Delete),
            (Method::POST, "/v2/a/blobs/uploads/", Action::Push),
            (Method::GET, "/v2/a/blobs/uploads/x", Action::Push),
            (Method::DELETE, "/v2/a/blobs/uploads/x", Action::Push),
            (Method::HEAD, "/v2/a/manifests/t", Action::Pull),
            (Method::PUT, "/v2/a/manifests/t", Action::Push),
            (Method::DELETE, "/v2/a/manifests/t", Action::Delete),
            (Method::GET, "/v2/a/tags/list", Action::Pull),
            (Method::GET, "/v2/a/referrers/d", Action::Pull),
        ] {
            assert_eq!(of(&method, path, None), [(a.clone(), action)], "{method} {path}");
        }
        assert_eq!(of(&Method::GET, "/v2/_catalog", None), [(None, Action::Ask)]);
        assert_eq!(of(&Method::GET, "/metrics", None), [(None, Action::Watch)]);
    }

    #[test]
    fn a_mount_pulls_from_where_it_mounts() {
        let mount = of(&Method::POST, "/v2/a/blobs/uploads/", Some("mount=d&from=b%2Fc"));
        assert_eq!(mount, [(Some("a".into()), Action::Push), (Some("b/c".into()), Action::Pull)]);
        assert_eq!(of(&Method::POST, "/v2/a/blobs/uploads/", Some("from=b")).len(), 1);
    }
}
